"""Refuses what would come too late before it costs anything, so that the rest comes in time.

A request that waits in vain for a connection, or a create for a statement to share, has cost two
thirds of one that is served, and with three times as many as can be served hardly anything else is
done. Reads that were answered before do not get here (`lane.py`): to refuse them is no cheaper.
"""

from typing import TYPE_CHECKING, Final

from msgspec import json
from prometheus_client import CollectorRegistry, Counter
from starlette.types import ASGIApp, Receive, Scope, Send

from expenses_service.errors import Unavailable
from expenses_service.expenses.documents import COLLECTION
from expenses_service.problems import MEDIA_TYPE, document, path_of, status_of
from expenses_service.request_log import QUIET_PATHS

if TYPE_CHECKING:
    from expenses_service.resources import Resources

_ERROR: Final = Unavailable("More is asked for than can be done: try again soon.")
_STATUS: Final = status_of(_ERROR)
_HEADERS: Final = (
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"retry-after", b"1"),
)
_FOR_GATEWAY: Final = "/internal/"


class Admission:
    """Pure ASGI, the last before the framework; nothing waits here.

    `longest_wait` is in seconds, what is expected of the wait until a statement is sent.
    """

    def __init__(self, app: ASGIApp, longest_wait: float, registry: CollectorRegistry) -> None:
        self._app = app
        self._longest_wait = longest_wait
        name, about = "requests_refused", "Requests refused since they would have come too late."
        self._refused = Counter(name, about, registry=registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it; never those of probes and of the gateway itself."""
        if scope["type"] == "http" and self._is_too_much(scope):
            self._refused.inc()
            await _refuse(scope, send)
        else:
            await self._app(scope, receive, send)

    def _is_too_much(self, scope: Scope) -> bool:
        resources: Resources = scope["app"].state.resources
        path = scope["path"]
        if resources.direct.expected_wait() > self._longest_wait:
            return path not in QUIET_PATHS and not path.startswith(_FOR_GATEWAY)
        is_create = path == COLLECTION and scope["method"] == "POST"
        return is_create and resources.recorder.is_slower_than(self._longest_wait)


async def _refuse(scope: Scope, send: Send) -> None:
    """What `problems.response_of` would send, for a third of its price."""
    code, state = _ERROR.code, scope["state"]
    members = document(
        _STATUS, code, _ERROR.detail, instance=path_of(scope), request_id=state["request_id"]
    )
    body = json.encode(members)
    state["problem"], state["cause"] = code, "admission: the queue is too long"
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": _STATUS, "headers": headers})
    await send({"type": "http.response.body", "body": body})
