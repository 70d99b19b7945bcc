"""Rows of a file as they are sent, each with the line on which it begins."""

import csv
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, Final

from expenses_service.json_text import NotJson, parse_text
from expenses_service.transfer.cells import members, require_header
from expenses_service.transfer.errors import Fault, FileRefused
from expenses_service.transfer.lines import Format
from expenses_service.transfer.models import MAX_ROWS

MAX_LINE_BYTES: Final = 1024 * 1024
BLOCK_BYTES: Final = 64 * 1024

_BOM: Final = b"\xef\xbb\xbf"

Row = tuple[int, object]
"""A line and the document that begins on it; a Fault in place of one that cannot be read."""


def rows_of(source: BinaryIO, form: Format) -> Iterator[Row]:
    """Every row but empty lines. Raises FileRefused, perhaps after some rows."""
    rows = _csv(source) if form == "csv" else _ndjson(source)
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            detail = f"is past the {MAX_ROWS} rows that one request may have; send it in parts"
            raise FileRefused(Fault(row[0], "too_many_rows", "", detail))
        yield row


def _ndjson(source: BinaryIO) -> Iterator[Row]:
    for number, text in enumerate(_lines(source), 1):
        if text.isspace():
            continue
        try:
            yield number, parse_text(text)
        except NotJson as error:
            yield number, Fault(number, "malformed_json", "", str(error))


def _csv(source: BinaryIO) -> Iterator[Row]:
    header: list[str] | None = None
    for line, cells in _records(source):
        if isinstance(cells, Fault):
            if header is None:
                raise FileRefused(cells)
            yield line, cells
        elif header is None:
            require_header(line, cells)
            header = cells
        elif len(cells) == len(header):
            yield line, members(header, cells)
        else:
            detail = f"has {len(cells)} cells where the first line has {len(header)}"
            yield line, Fault(line, "cell_count", "", detail)
    if header is None:
        require_header(1, [])


def _records(source: BinaryIO) -> Iterator[tuple[int, list[str] | Fault]]:
    reader = csv.reader(_lines(source), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Fault(line, "malformed_csv", "", f"is no record of RFC 4180: {error}")
        else:
            if cells:
                yield line, cells


def _lines(source: BinaryIO) -> Iterator[str]:
    """Lines of text that end in LF, also where they ended in CRLF."""
    return chain.from_iterable(_blocks(source))


def _blocks(source: BinaryIO) -> Iterator[list[str]]:
    number, data = 1, source.read(len(_BOM)).removeprefix(_BOM)
    while block := source.read(BLOCK_BYTES):
        data += block
        _require_short(number, data)
        end = data.rfind(b"\n") + 1
        lines = _text(number, data[:end]).split("\n")[:-1]
        number, data = number + len(lines), data[end:]
        yield [f"{line}\n" for line in lines]
    if data:
        yield [_text(number, data)]


def _require_short(number: int, data: bytes) -> None:
    """The first line may be too long; all that end within a block are shorter."""
    end = data.find(b"\n")
    if (len(data) if end < 0 else end) > MAX_LINE_BYTES:
        detail = f"is longer than {MAX_LINE_BYTES} bytes"
        raise FileRefused(Fault(number, "line_too_long", "", detail))


def _text(number: int, data: bytes) -> str:
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = number + data.count(b"\n", 0, error.start)
        detail = "is not UTF-8; save the file in that encoding"
        raise FileRefused(Fault(line, "invalid_encoding", "", detail)) from None
