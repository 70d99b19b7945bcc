"""What can go wrong with a transfer."""

from msgspec import Struct

from expenses_service.errors import Unavailable


class Fault(Struct, frozen=True, omit_defaults=True):
    """What is wrong with a row: the line on which it begins, and a pointer into it (RFC 6901)."""

    line: int
    code: str
    pointer: str
    detail: str
    suggestion: str | None = None


class FileRefused(Exception):
    """A file that cannot be read as what it is declared to be: no row of it counts."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__(*(fault.code for fault in faults))


class ParserFailed(Unavailable):
    """The process that parses a file ended without saying what it found; nothing is done yet."""

    default_detail = "Reading the file was broken off, and nothing was imported: try again soon."
