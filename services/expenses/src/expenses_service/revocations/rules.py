"""Reads the payload of a revocation list strictly: one wrong entry refuses the whole list."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from expenses_service.revocations.errors import ListRefused
from expenses_service.revocations.models import RevocationList

LIST_TYPE: Final = "rev+jwt"
MAX_DOCUMENT_BYTES: Final = 8 * 1024 * 1024  # about 150,000 entries
MAX_AHEAD_SECONDS: Final = 90
LAST_INSTANT: Final = 253_402_300_799  # 9999-12-31T23:59:59Z
LAST_VERSION: Final = 2**31 - 1
UUID_CHARACTERS: Final = 36
_MEMBERS: Final = {"iss", "iat", "sids", "min_ver"}


def read_list(claims: Mapping[str, Any], issuer: str, now: float) -> RevocationList:
    """The list that `claims`, whose signature is good, are.

    Raises:
        ListRefused: another issuer, a member that is missing or of another type, or made more than
            90 s ahead of this clock.

    """
    if not claims.keys() >= _MEMBERS or claims["iss"] != issuer:
        raise ListRefused("not a list of this issuer")
    issued_at = _integer(claims["iat"], LAST_INSTANT)
    if issued_at > now + MAX_AHEAD_SECONDS:
        raise ListRefused("issued in the future")
    sessions, versions = claims["sids"], claims["min_ver"]
    if not isinstance(sessions, list) or not isinstance(versions, dict):
        raise ListRefused("sids or min_ver of another type")
    return RevocationList(
        issued_at,
        frozenset(map(_uuid, sessions)),
        {_uuid(user): _integer(version, LAST_VERSION) for user, version in versions.items()},
    )


def _uuid(value: object) -> UUID:
    """An id in the usual form; a version 7 is not asked for, since it is compared only."""
    if not isinstance(value, str) or len(value) != UUID_CHARACTERS:
        raise ListRefused("an id that is none")
    try:
        return UUID(value)
    except ValueError:
        raise ListRefused("an id that is none") from None


def _integer(value: object, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:  # bool is an int to isinstance
        raise ListRefused("an iat or a version that is none")
    return value
