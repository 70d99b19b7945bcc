"""Requests as the server hands them to an application, and all that comes of them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.types import Message, Scope

from expenses_service.front import Fronted

Fields = list[tuple[bytes, bytes]]

NO_BODY: Message = {"type": "http.request", "body": b"", "more_body": False}
GONE: Message = {"type": "http.disconnect"}


def scope_of(method: str, target: str, fields: Fields) -> Scope:
    """A request whose head has come."""
    path, _, query = target.partition("?")
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
        "headers": [(b"x-request-id", b"r"), *fields],
    }  # fmt: skip


async def called(
    app: FastAPI,
    method: str,
    target: str,
    fields: Fields,
    body: Sequence[Message] = (NO_BODY,),
    *,
    ahead: bool = False,
) -> dict[str, Any]:
    """What comes of a request; `ahead` where its head is shown to the application before."""
    scope = scope_of(method, target, fields)
    if ahead:
        look(app, scope)
    return await served(app, scope, body)


def look(app: FastAPI, scope: Scope) -> None:
    """Show the application a head, as our own server does."""
    assert isinstance(app, Fronted)
    app.ahead(scope)


async def served(
    app: FastAPI, scope: Scope, body: Sequence[Message] = (NO_BODY,)
) -> dict[str, Any]:
    """The answer, its headers as they are sent, and what log and metrics tell of it."""
    sent: list[Message] = []
    coming = iter(body)

    async def receive() -> Message:
        return next(coming, GONE)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    names = ("user_id", "session_id", "request_id", "problem")
    told = {name: scope["state"].get(name) for name in names}
    route = getattr(scope.get("route"), "path_format", None)
    return {**_whole(sent), **told, "route": route}


def _whole(sent: Sequence[Message]) -> dict[str, Any]:
    """Nothing at all for who has gone."""
    if not sent:
        return {"status": None, "headers": [], "body": b""}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return {"status": sent[0]["status"], "headers": sent[0]["headers"], "body": body}


def counted(app: FastAPI) -> Counter[tuple[str, ...]]:
    """The requests by method, route and status, but those that delete."""
    families = app.state.metrics.registry.collect()
    samples = [sample for family in families for sample in family.samples]
    counts = {
        tuple(sample.labels.values()): int(sample.value)
        for sample in samples
        if sample.name == "http_requests_total" and sample.labels["method"] != "DELETE"
    }
    return Counter(counts)
