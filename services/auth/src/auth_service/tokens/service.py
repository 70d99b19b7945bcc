"""Make, list and revoke personal access tokens."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from auth_service.accounts.repository import lock_user
from auth_service.errors import NotFound, RateLimit, VersionConflict
from auth_service.etag import opaque_etag
from auth_service.events.models import Client
from auth_service.events.repository import record
from auth_service.ids import uuid7
from auth_service.resources import Resources
from auth_service.revocations.repository import is_revoked
from auth_service.revocations.repository import revoke as revoke_for_readers
from auth_service.sessions.errors import SessionRevoked
from auth_service.sessions.models import AccessClaims
from auth_service.tokens import repository, rules
from auth_service.tokens.errors import TooManyMade, TooManyTokens
from auth_service.tokens.models import PersonalToken
from auth_service.tokens.schemas import NewToken

LISTED_FOR = timedelta(hours=1)  # no access token that was exchanged for it lives longer


def etag_of(token_id: UUID) -> str:
    """Of a token: it is never changed, only revoked."""
    return opaque_etag("token", token_id)


async def create(
    resources: Resources, claims: AccessClaims, form: NewToken, client: Client
) -> tuple[PersonalToken, str]:
    """A new token and its text, which nobody can show again.

    Raises:
        TooManyTokens: there are 100 already.
        TooManyMade: 200 within ten minutes.
        SessionRevoked: the session that asks was ended meanwhile.

    """
    token_id = uuid7()
    text = rules.new_text(token_id)
    values = {
        "id": token_id,
        "user_id": claims.user_id,
        "name": form.name,
        "scopes": list(form.scopes),
        "secret_sha256": rules.digest(text),
        "expires_at": form.expires_at,
    }
    async with resources.database.transaction() as connection:
        present = await lock_user(connection, claims.user_id)
        ended = await is_revoked(connection, claims.session_id)
        if ended or present is None or present.ver > claims.ver:  # disabling raises it too
            raise SessionRevoked
        if await repository.count_live(connection, claims.user_id) >= rules.MAX_TOKENS:
            raise TooManyTokens
        limit = (rules.MAX_MADE, rules.MADE_SECONDS)
        if wait := await repository.wait_to_make(connection, claims.user_id, *limit):
            resources.throttle.refusals[rules.MADE_POLICY] += 1
            rate_limit = RateLimit(rules.MADE_POLICY, *limit, wait)
            raise TooManyMade(retry_after=wait, rate_limit=rate_limit)
        token = await repository.insert_token(connection, values)
        await record(connection, claims.user_id, "token_created", client, claims.session_id)
    return token, text


async def list_live(resources: Resources, user_id: UUID) -> Sequence[PersonalToken]:
    """The user's tokens that are not revoked, the latest first."""
    async with resources.database.transaction() as connection:
        return await repository.live_tokens(connection, user_id)


async def revoke(
    resources: Resources,
    claims: AccessClaims,
    token_id: UUID,
    client: Client,
    expected: Collection[str] | None,
) -> None:
    """End a token of the user for good, also what it was exchanged for.

    `expected` are the entity tags of If-Match, None when there is no condition.

    Raises:
        NotFound: there is none, it is somebody else's, or it has ended.
        VersionConflict: the token has none of the expected tags.

    """
    async with resources.database.transaction() as connection:
        if not await repository.revoke_token(connection, claims.user_id, token_id):
            raise NotFound
        if expected is not None and etag_of(token_id) not in expected:
            raise VersionConflict
        until = datetime.now(UTC) + LISTED_FOR
        await revoke_for_readers(connection, token_id, claims.user_id, until)
        await record(connection, claims.user_id, "token_revoked", client, claims.session_id)
