"""The one way to a password check: limited by failures, then by turns of the pool."""

from uuid import UUID

from auth_service.accounts.errors import Busy
from auth_service.resources import Resources
from auth_service.throttles.models import Visitor

NOBODY = UUID(int=0)


async def check_password(
    resources: Resources,
    visitor: Visitor,
    account: str,
    user_id: UUID,
    encoded: str | None,
    password: str,
) -> bool:
    """Whether `password` is the one of `account`, whose hash is `encoded`; None is nobody's.

    The attempt is counted before the work and given back if it was right, within one turn, so that
    a thousand at once are no more than one after the other. Nobody costs what somebody costs.

    Raises:
        TooManyAttempts: as many have failed as may.
        Busy, SessionsUnavailable: not now; nothing was compared.

    """
    throttle = resources.throttle
    buckets = throttle.buckets(visitor, account, user_id)
    await throttle.check(buckets)  # who has to wait takes no place in the line
    async with resources.passwords.turn(visitor.network):
        ticket = await throttle.take(buckets)
        try:
            matches = await resources.passwords.verify(encoded, password)
        except Busy:  # nothing was compared
            await throttle.give_back(ticket)
            raise
        if matches:
            await throttle.give_back(ticket)
    return matches
