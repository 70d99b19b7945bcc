"""What can be wrong with a key set or with getting one."""

from expenses_service.errors import Unavailable


class KeySetRefused(Exception):
    """The document is not a key set as `infra/contracts/key-set.md` has it."""


class KeySetUnreachable(Exception):
    """The source did not give a document: connection, time-out, status, redirect or size."""


class KeysUnavailable(Unavailable):
    """No key set that may still be used is in memory; it heals alone."""

    default_detail = "The keys that sign-ins are checked with cannot be had at the moment."
