"""How an answer that may be a replay is sent."""

from fastapi import Response

from expenses_service.cache.responses import USER_DATA
from expenses_service.idempotency.models import Answer


def sent(answer: Answer) -> Response:
    """An answer with its headers; one that was given before says so."""
    headers = dict(USER_DATA)
    if answer.etag is not None:
        headers["ETag"] = answer.etag
    if answer.location is not None:
        headers["Location"] = answer.location
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(answer.body, answer.status, headers, media_type="application/json")
