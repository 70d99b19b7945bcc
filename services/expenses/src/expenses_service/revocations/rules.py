"""Reads the payload of a revocation list strictly: one wrong entry refuses the whole list."""

from collections.abc import Mapping
from typing import Any, Final

from expenses_service.authentication.rules import UUID_SHAPE
from expenses_service.revocations.errors import ListNotTaken, Reason
from expenses_service.revocations.models import RevocationList

LIST_TYPE: Final = "rev+jwt"
MAX_DOCUMENT_BYTES: Final = 8 * 1024 * 1024  # about 150,000 entries
MAX_AHEAD_SECONDS: Final = 90
LAST_INSTANT: Final = 253_402_300_799  # 9999-12-31T23:59:59Z
LAST_VERSION: Final = 2**31 - 1
_MEMBERS: Final = {"iss", "iat", "sids", "min_ver"}


def read_list(claims: Mapping[str, Any], issuer: str, now: float) -> RevocationList:
    """The list that `claims`, whose signature is good, are.

    Raises:
        ListNotTaken: another issuer, a member that is missing or of another type, or made more than
            90 s ahead of this clock.

    """
    if not claims.keys() >= _MEMBERS:
        raise ListNotTaken(Reason.MALFORMED, "a member is missing")
    if claims["iss"] != issuer:
        raise ListNotTaken(Reason.ISSUER)
    issued_at = _integer(claims["iat"], LAST_INSTANT)
    if issued_at > now + MAX_AHEAD_SECONDS:
        raise ListNotTaken(Reason.FUTURE)
    sessions, versions = claims["sids"], claims["min_ver"]
    if not isinstance(sessions, list) or not isinstance(versions, dict):
        raise ListNotTaken(Reason.MALFORMED, "sids or min_ver of another type")
    return RevocationList(
        issued_at,
        frozenset(map(_id, sessions)),
        {_id(user): _integer(version, LAST_VERSION) for user, version in versions.items()},
    )


def require_newer(new: RevocationList, held: RevocationList | None, now: float) -> None:
    """Refuse to go back to an older list; one of the same second may be newer.

    A held list that would itself be refused as of the future is no measure: this clock was wrong
    when it was taken, and has been put right since.

    Raises:
        ListNotTaken: `new` is older than `held`.

    """
    if held and new.issued_at < held.issued_at <= now + MAX_AHEAD_SECONDS:
        raise ListNotTaken(Reason.OLDER)


def _id(value: object) -> int:
    """The number of a UUID; a version 7 is not asked for, since it is compared only."""
    if not isinstance(value, str) or not UUID_SHAPE.fullmatch(value):
        raise ListNotTaken(Reason.MALFORMED, "an id that is none")
    return int(value.replace("-", ""), 16)


def _integer(value: object, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:  # bool is an int to isinstance
        raise ListNotTaken(Reason.MALFORMED, "an iat or a version that is none")
    return value
