"""Bodies of requests and answers about personal access tokens."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictStr
from pydantic_core import PydanticCustomError

from auth_service.accounts.schemas import Instant
from auth_service.text import AS_LINE, line
from auth_service.tokens.models import PersonalToken
from auth_service.tokens.rules import MAX_LIFE, MAX_NAME, SCOPES, instant

Scope = Literal["expenses:read", "expenses:write", "profile:read"]


def _instant(value: object) -> object:
    if value is None:
        return None
    try:
        return instant(value if isinstance(value, str) else "")
    except ValueError:
        raise PydanticCustomError(
            "invalid_instant", "must be an instant such as 2027-01-31T12:00:00Z"
        ) from None


def _future(value: datetime | None) -> datetime | None:
    now = datetime.now(UTC)
    if value is not None and value <= now:
        raise PydanticCustomError("not_in_future", "must be in the future")
    if value is not None and value > now + MAX_LIFE:
        raise PydanticCustomError("too_late", "must be at most 366 days from now")
    return value


def _distinct(value: Sequence[str]) -> Sequence[str]:
    if len(set(value)) != len(value):
        raise PydanticCustomError("duplicate_scope", "must name each scope once")
    return sorted(value)


class NewToken(BaseModel):
    """`POST /auth/tokens`."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        StrictStr, Field(min_length=1, max_length=MAX_NAME), AfterValidator(line), AS_LINE
    ]
    scopes: Annotated[
        list[Scope],
        Field(min_length=1, max_length=len(SCOPES), json_schema_extra={"uniqueItems": True}),
        AfterValidator(_distinct),
    ]
    expires_at: Annotated[datetime | None, BeforeValidator(_instant), AfterValidator(_future)] = (
        None
    )


class TokenBody(BaseModel):
    """A personal access token, as lists show it: without its text."""

    id: UUID
    name: str
    scopes: list[str]
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None

    @classmethod
    def of(cls, token: PersonalToken) -> "TokenBody":
        """What may be shown of `token`."""
        return cls(
            id=token.id,
            name=token.name,
            scopes=list(token.scopes),
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
        )


class CreatedToken(TokenBody):
    """The answer to `POST /auth/tokens`, the only one that has the text."""

    token: str

    @classmethod
    def with_text(cls, token: PersonalToken, text: str) -> "CreatedToken":
        """`token` and its text."""
        return cls(**TokenBody.of(token).model_dump(mode="python"), token=text)


class Tokens(BaseModel):
    """`GET /auth/tokens`."""

    items: list[TokenBody]
