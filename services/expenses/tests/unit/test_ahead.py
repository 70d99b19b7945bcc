"""What the server shows the application of a request that has no task yet, on real sockets."""

import asyncio

from starlette.types import Scope
from uvicorn.server import ServerState

from expenses_service.__main__ import configuration
from expenses_service.front import Fronted
from expenses_service.wire import Protocol

PATIENCE = 10


async def test_each_request_is_shown_when_its_turn_comes() -> None:
    app, seen = Fronted(), list[str]()

    def look(scope: Scope) -> None:
        assert scope["app"] is app
        seen.append(f"look {scope['path']}?{scope['query_string'].decode()}")

    async def serve(name: str) -> None:
        seen.append(f"serve {name}")

    app.look = look
    app.get("/{name}")(serve)
    config = configuration(app)
    config.load()
    server = await asyncio.get_running_loop().create_server(
        lambda: Protocol(config=config, server_state=ServerState(), app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for target in ("/a?b=c", "/b"):  # at once
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE):
        for _ in range(2):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len("null")) == b"null"
    writer.close()
    server.close()
    assert seen == ["look /a?b=c", "serve a", "look /b?", "serve b"]


def test_what_fails_ahead_is_left_to_the_task() -> None:
    """An error in the server's own callback would be answered with 400, or not at all."""

    def fail(_: Scope) -> None:
        raise RuntimeError

    app = Fronted()
    app.look = fail
    app.ahead({"type": "http"})


def test_an_application_need_not_look() -> None:
    scope: Scope = {"type": "http"}
    app = Fronted()
    app.ahead(scope)
    assert scope["app"] is app
