"""Why a poll brought no new list; the one that is held stays."""


class ListRefused(Exception):
    """Not a list as `infra/contracts/revocation-list.md` has it, or an older one than is held."""


class ListUnreachable(Exception):
    """Auth did not give a document: connection, time-out, status, redirect or size."""
