"""What the routes of transfers ask for beside the caller."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from email.message import Message
from typing import Annotated, Final

from fastapi import Depends, Request

from expenses_service.errors import UnsupportedMediaType
from expenses_service.header_fields import first
from expenses_service.requests import body_limit, query, require_media_type
from expenses_service.resources import Resources, get_resources
from expenses_service.transfer.lines import Format
from expenses_service.transfer.schemas import Erasure, ExportQuery, ImportQuery
from expenses_service.transfer.spool import Spool

_FORMS: Final[dict[str, Format]] = {"text/csv": "csv", "application/x-ndjson": "ndjson"}


async def form_of(request: Request) -> Format:
    """How the body is declared. Raises UnsupportedMediaType, also for another encoding."""
    require_media_type(request, tuple(_FORMS))
    declared = Message()
    declared["Content-Type"] = first(request, b"content-type") or ""
    charset = declared.get_content_charset("utf-8")
    if charset not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType("Send the body in UTF-8.")
    return _FORMS[declared.get_content_type()]


@asynccontextmanager
async def spooled(request: Request) -> AsyncIterator[Spool]:
    """The whole body in a temporary file. Raises BodyTooLarge, Unavailable."""
    with closing(Spool()) as spool:
        await spool.fill(request.stream(), body_limit(request))
        yield spool


ExportAsked = Annotated[ExportQuery, Depends(query(ExportQuery))]
ImportAsked = Annotated[ImportQuery, Depends(query(ImportQuery))]
ErasureAsked = Annotated[Erasure, Depends(query(Erasure))]
SentForm = Annotated[Format, Depends(form_of)]
Held = Annotated[Resources, Depends(get_resources)]
