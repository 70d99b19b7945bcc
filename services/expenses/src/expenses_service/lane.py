"""Answers what was answered before, without the framework: the fast path of reads.

A read goes by its route the first time. What the route sent is kept as it is, if the route said
which data version it is of (`cache.responses`). The next request of the same user for the same
target is answered with those bytes, if

- its credentials are one token that was verified before, has the scope, and still stands when the
  head of the request has come, and
- Postgres confirms the version, asked after the request came.

It is asked for by that head alone, before the server makes a task and the telemetry has its turn
(`Look`): Postgres and Python work at the same time.

Everything else goes on to the route, which alone knows how to refuse: without the lane no answer
would be another. It is given what was kept of an older version, which it may carry forward. A route
that names a version answers by user, target and If-None-Match alone.
"""

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from expenses_service.authentication.dependencies import CALLER, READ, bearer_token
from expenses_service.authentication.models import Principal
from expenses_service.cache.memory import Kept, Key
from expenses_service.cache.models import Built
from expenses_service.cache.responses import OLDER, VERSION
from expenses_service.errors import Unavailable
from expenses_service.etag import is_named
from expenses_service.header_fields import Field
from expenses_service.problems import response_of
from expenses_service.telemetry import identify

if TYPE_CHECKING:
    from expenses_service.resources import Resources

SEEN: Final = "seen"
"""In the scope of a GET at whose head was looked."""
_KEPT: Final = frozenset({200, 304})
_VALIDATORS: Final = frozenset({b"cache-control", b"vary", b"etag"})
"""What a 304 has of the headers of the 200."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the head of a request tells: who asks for what."""

    principal: Principal
    key: Key
    condition: str | None
    """If-None-Match."""
    version: Awaitable[int] | None
    """Asked for already, since there is something to answer with."""


class Look:
    """What is done for a GET as soon as its head has come; `cookie` names the access cookie."""

    def __init__(self, cookie: str) -> None:
        self._cookie = cookie.encode()

    def __call__(self, scope: Scope) -> None:
        """Tell the lane who asks, if he is known, and ask for his version, if it is of use."""
        if scope["method"] == "GET":
            scope[SEEN] = self._see(scope)

    def _see(self, scope: Scope) -> Seen | None:
        token, condition = _read(scope["headers"], self._cookie)
        if not token:
            return None
        resources: Resources = scope["app"].state.resources
        principal = resources.authenticator.recall(token)
        if principal is None or READ not in principal.scopes:
            return None
        key = (principal.user, scope["path"], scope["query_string"])
        is_kept = key in resources.memory
        version = resources.versions.read(principal.user_id) if is_kept else None
        return Seen(principal, key, condition, version)


class Lane:
    """Pure ASGI, between the telemetry and the framework; it looks where the server has not."""

    def __init__(self, app: ASGIApp, look: Look) -> None:
        self._app = app
        self._look = look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or have the route answer and keep what it sends."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        if not await self._answer(scope, receive, send):
            await self._app(scope, receive, _keeping(scope, send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether the request was answered."""
        if scope.get(SEEN) is None:  # or his token was not known yet
            self._look(scope)
        seen: Seen | None = scope[SEEN]
        if seen is None:
            return False
        principal = scope[CALLER] = seen.principal
        resources: Resources = scope["app"].state.resources
        kept = resources.memory.get(seen.key)
        if kept is None:
            return False
        try:
            version = await (seen.version or resources.versions.read(principal.user_id))
        except Unavailable as error:
            identify(scope, principal.user, principal.session)
            scope["route"] = kept.route
            await response_of(error, Request(scope))(scope, receive, send)
            return True
        named = seen.condition is not None and is_named(seen.condition, kept.etag)
        if kept.version < version and kept.body is not None:
            scope[OLDER] = Built(kept.version, kept.body)
        if kept.version != version or (kept.body is None and not named):
            return False
        identify(scope, principal.user, principal.session)
        resources.cache.replies["same" if named else "memory"] += 1
        scope["route"] = kept.route
        await _send(send, kept, with_body=not named)
        return True


async def _send(send: Send, kept: Kept, *, with_body: bool) -> None:
    fields = kept.fields if with_body else [each for each in kept.fields if each[0] in _VALIDATORS]
    status = 200 if with_body else 304
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": kept.body if with_body else b""})


def _read(headers: Iterable[Field], cookie: bytes) -> tuple[bytes, str | None]:
    """The one token that is sent, and If-None-Match; no token where it takes the route to judge."""
    tokens, conditions = [], []
    for name, value in headers:
        if name == b"cookie":
            for pair in value.split(b";"):
                key, separator, text = pair.strip(b" \t").partition(b"=")
                if separator and key == cookie:
                    tokens.append(text)
        elif name == b"authorization":
            tokens.append(bearer_token(value.decode("latin-1")).encode())
        elif name == b"if-none-match":
            conditions.append(value.decode("latin-1"))
        elif name == b"content-length":  # it may be too large
            return b"", None
    condition = ", ".join(conditions) if conditions else None
    return (tokens[0] if len(tokens) == 1 else b""), condition


def _keeping(scope: Scope, send: Send) -> Send:
    """`send`, that keeps an answer under the version that its route has named by then.

    Such an answer is ready, so its body is one message.
    """
    start: Message = {}

    async def keep_and_send(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = {**message, "headers": tuple(message["headers"])}  # others add to the list
        elif (
            start["status"] in _KEPT and VERSION in scope["state"] and not message.get("more_body")
        ):
            _keep(scope, start, message["body"])
        await send(message)

    return keep_and_send


def _keep(scope: Scope, start: Message, body: bytes) -> None:
    resources: Resources = scope["app"].state.resources
    state, fields = scope["state"], start["headers"]
    whole = body if start["status"] == 200 else None  # noqa: PLR2004 - else 304
    kept = Kept(state[VERSION], dict(fields)[b"etag"].decode(), fields, whole, scope["route"])
    key = (state["user_id"], scope["path"], scope["query_string"])
    resources.memory.keep(key, kept)
