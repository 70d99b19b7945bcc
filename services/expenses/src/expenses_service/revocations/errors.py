"""Why a poll brought no new list; the one that is held stays."""

from enum import StrEnum


class Reason(StrEnum):
    """What was wrong, as metrics and the log name it."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    STATUS = "status"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NO_KEYS = "no_keys"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    FUTURE = "future"
    OLDER = "older"
    UNEXPECTED = "unexpected"


class ListNotTaken(Exception):
    """Auth gave no document, or one that is no list that may take the place of the one held."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason = reason
        super().__init__(detail or reason)
