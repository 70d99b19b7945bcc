"""Reads a file and writes what is good of it as COPY takes it: CSV, an empty cell for null.

For large files in a process of its own, so that the service's event loop keeps its beat:
`python -m expenses_service.transfer.parsing FORMAT TODAY < file > rows`. What it found is one JSON
document on its standard error.
"""

import csv
import io
import sys
from collections.abc import Sequence
from datetime import date
from typing import BinaryIO, Final, TextIO

from msgspec import json

from expenses_service.errors import FieldError, ValidationFailed
from expenses_service.transfer.checking import Checker
from expenses_service.transfer.errors import Fault, FileRefused
from expenses_service.transfer.lines import Format
from expenses_service.transfer.models import MAX_FAULTS, Reading
from expenses_service.transfer.reading import rows_of

MAX_POINTER: Final = 100


def parse(source: BinaryIO, form: Format, today: date, rows: TextIO) -> Reading:
    """Every good row as a line of `rows`: its line number, then what `Checker.cells` gives."""
    checker, writer = Checker(form, today), csv.writer(rows, lineterminator="\n")
    failed, told = 0, list[Fault]()
    try:
        for line, row in rows_of(source, form):
            faults = [row] if isinstance(row, Fault) else []
            try:
                if not faults:
                    writer.writerow([line, *checker.cells(row)])
            except ValidationFailed as refused:
                faults = [_fault(line, error) for error in refused.errors]
            failed += bool(faults)
            told += faults[: MAX_FAULTS - len(told)]
    except FileRefused as refused:
        return Reading(failed, told, refused.faults[:MAX_FAULTS])
    return Reading(failed, told)


def _fault(line: int, error: FieldError) -> Fault:
    pointer = (error.pointer or "")[:MAX_POINTER]
    return Fault(line, error.code, pointer, error.detail, error.suggestion)


def main(arguments: Sequence[str]) -> None:
    """From standard input to standard output."""
    form: Format = "csv" if arguments[0] == "csv" else "ndjson"
    today = arguments[1]
    with io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="") as rows:
        reading = parse(sys.stdin.buffer, form, date.fromisoformat(today), rows)
    sys.stderr.buffer.write(json.encode(reading))


if __name__ == "__main__":
    main(sys.argv[1:])
