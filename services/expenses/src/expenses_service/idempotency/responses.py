"""How an answer that may be a replay is sent."""

from fastapi import Response

from expenses_service.cache.responses import USER_FIELDS
from expenses_service.idempotency.models import Answer
from expenses_service.responses import Ready


def sent(answer: Answer) -> Response:
    """An answer with its headers; one that was given before says so."""
    fields = [*USER_FIELDS]
    if answer.etag is not None:
        fields.append((b"etag", answer.etag.encode()))
    if answer.location is not None:
        fields.append((b"location", answer.location.encode("latin-1")))
    if answer.replayed:
        fields.append((b"idempotency-replayed", b"true"))
    return Ready(answer.status, fields, answer.body)
