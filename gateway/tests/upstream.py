"""Stand-in for a service, by contract: health, problem documents, and the answers that tests ask for.

Run as `uvicorn upstream:app`; `SERVICE` names it. The last part of a public path chooses the answer;
`/control` is for tests alone and is asked directly, never through the gateway.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

SERVICE = os.environ["SERVICE"]
IMPORT_LIMIT = 4 * 2**20
PIECE = b"x" * 65536
PIECES = 640  # 40 MiB

seen: list[str] = []
exchanges: list[dict[str, Any]] = []
connections: set[tuple[str, int]] = set()
state = {"ready": True, "sent": 0, "received": 0}
released = asyncio.Event()


async def reply(send: Send, status: int, body: bytes, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def reply_json(send: Send, status: int, value: object, *headers: tuple[bytes, bytes]) -> None:
    body = json.dumps(value).encode()
    kind = b"application/problem+json" if status >= 400 else b"application/json"
    length = str(len(body)).encode()
    await reply(send, status, body, [(b"content-type", kind), (b"content-length", length), *headers])


async def problem(scope: Scope, send: Send, status: int, detail: str, path: str) -> None:
    received = dict(scope["headers"])
    request_id = received.get(b"x-request-id", b"made-by-" + SERVICE.encode())
    document = {"status": status, "code": f"{detail}_{status}", "detail": detail, "instance": path}
    document |= {"request_id": request_id.decode(), "by": SERVICE}
    document |= {"credentials": bool({b"cookie", b"authorization"} & set(received))}
    headers = [(b"x-request-id", request_id), (b"cache-control", b"no-store")]
    if status in {429, 503}:
        headers.append((b"retry-after", b"7" if detail == "own" else b"2"))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await reply_json(send, status, document, *headers)


async def gateway_problem(scope: Scope, send: Send) -> None:
    """Answer `/internal/problems/{status}?url=…` as infra/contracts/health.md says."""
    status = int(scope["path"].rsplit("/", 1)[1])
    url = parse_qs(scope["query_string"].decode())["url"][0]
    await problem(scope, send, status, "told", urlsplit(url).path)


async def control(scope: Scope, send: Send) -> None:
    query = parse_qs(scope["query_string"].decode())
    if "ready" in query:
        state["ready"] = query["ready"] == ["1"]
    if "release" in query:
        released.set()
    await reply_json(send, 200, {"seen": seen, "exchanges": exchanges, "connections": len(connections), **state})


async def body_length(receive: Receive) -> int:
    length = 0
    while True:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            return length


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    length = await body_length(receive)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    report = {
        "service": SERVICE,
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": headers,
        "body_bytes": length,
    }
    await reply_json(send, 200, report)


async def own_problem(scope: Scope, receive: Receive, send: Send) -> None:
    await body_length(receive)
    status = int(scope["path"].rsplit("-", 1)[1])
    await problem(scope, send, status, "own", scope["path"])


async def exchange(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /internal/v1/exchange`; what follows `ea_pat_` chooses the answer: `401`, `hang`, `silent`, anything."""
    length = await body_length(receive)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    exchanges.append({"method": scope["method"], "headers": headers, "body_bytes": length})
    sent = [value for name, value in headers if name == "authorization"]
    asked = sent[0].partition("ea_pat_")[2]
    if asked == "hang":
        await asyncio.Event().wait()
    if len(sent) != 1 or asked.isdecimal():
        await problem(scope, send, int(asked) if len(sent) == 1 else 400, "own", scope["path"])
    else:
        request_id = dict(scope["headers"]).get(b"x-request-id", b"made-by-exchange")
        token = [] if asked == "silent" else [(b"authorization", b"Bearer access.token.signed")]
        await reply(send, 200, b"", [(b"content-length", b"0"), (b"x-request-id", request_id), *token])


async def take_import(scope: Scope, receive: Receive, send: Send) -> None:
    """Stop reading as soon as there is more than the limit; `/control` tells how much there is by now."""
    state["received"] = 0
    more = True
    while more and state["received"] <= IMPORT_LIMIT:
        message = await receive()
        state["received"] += len(message.get("body", b""))
        more = message.get("more_body", False)
    if state["received"] > IMPORT_LIMIT:
        await problem(scope, send, 413, "own", scope["path"])
    else:
        await reply_json(send, 200, {"created": state["received"]})


async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Send one piece at once, and the others when `/control?release` was asked."""
    state["sent"] = 0
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/csv")]})
    for number in range(PIECES):
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        state["sent"] = number + 1
        if number == 0:
            await released.wait()
    released.clear()
    await send({"type": "http.response.body", "body": b""})


async def hang(_scope: Scope, _receive: Receive, _send: Send) -> None:
    await asyncio.Event().wait()


async def no_content(_scope: Scope, _receive: Receive, send: Send) -> None:
    await reply(send, 204, b"", [])


async def not_modified(_scope: Scope, _receive: Receive, send: Send) -> None:
    await reply(send, 304, b"", [(b"etag", b'"7"')])


async def cookies(_scope: Scope, _receive: Receive, send: Send) -> None:
    await reply_json(send, 200, {}, (b"set-cookie", b"a=1; HttpOnly"), (b"set-cookie", b"b=2; Path=/"))


async def named_server(_scope: Scope, _receive: Receive, send: Send) -> None:
    await reply_json(send, 200, {}, (b"server", b"uvicorn"), (b"content-security-policy", b"default-src *"))


ANSWERS = {
    "own-413": own_problem,
    "own-429": own_problem,
    "own-500": own_problem,
    "own-503": own_problem,
    "exchange": exchange,
    "import": take_import,
    "stream": stream,
    "hang": hang,
    "no-content": no_content,
    "not-modified": not_modified,
    "cookies": cookies,
    "named-server": named_server,
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    path = scope["path"]
    if path == "/control":
        await control(scope, send)
    elif path == "/livez" or (path == "/readyz" and state["ready"]):
        await reply_json(send, 200, {"status": "ok"})
    elif path == "/readyz":
        await reply_json(send, 503, {"failing": ["database"]})
    elif path.startswith("/internal/problems/"):
        await gateway_problem(scope, send)
    else:
        seen.append(f"{scope['method']} {scope['raw_path'].decode('latin-1')}")
        connections.add(scope["client"])
        if scope["query_string"].startswith(b"after="):
            await asyncio.sleep(float(scope["query_string"][6:]))
        await ANSWERS.get(path.rsplit("/", 1)[1], echo)(scope, receive, send)
