"""Answers whose header fields are ready to send."""

from collections.abc import Iterable, Mapping

from fastapi import Response

from expenses_service.header_fields import Field


class Ready(Response):
    """JSON with `fields` and its length, of a status that has a body.

    Starlette encodes every field anew each time.
    """

    def __init__(self, status: int, fields: Iterable[Field], body: bytes) -> None:
        self.status_code = status
        self.body = body
        self.raw_headers = [
            *fields,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        self.background = None


def encoded(headers: Mapping[str, str]) -> tuple[Field, ...]:
    """Headers as fields."""
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
