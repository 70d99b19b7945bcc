"""How long a connection may lie idle, on real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from expenses_service.wire import Protocol

IDLE_SECONDS = 1.0
"""Client and service share a loop, which may be held up."""
PATIENCE = 10


async def app(scope: Scope, _: Receive, send: Send) -> None:
    """Says its path, after as many seconds as the query has."""
    await asyncio.sleep(float(scope["query_string"] or 0))
    body = scope["path"].encode()
    fields = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocols: list[Protocol]

    def send(self, *targets: str) -> None:
        for target in targets:
            self.writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    async def read(self, path: str) -> None:
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await self.reader.readexactly(len(path)) == path.encode()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    config = uvicorn.Config(app, log_config=None, timeout_keep_alive=IDLE_SECONDS)  # type: ignore[arg-type]  # whole seconds are for people
    config.load()
    made: list[Protocol] = []

    def protocol() -> Protocol:
        made.append(Protocol(config=config, server_state=ServerState(), app_state={}))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield Client(reader, writer, made)
    writer.close()
    server.close()


async def test_one_that_is_idle_is_closed(client: Client) -> None:
    began = time.monotonic()
    client.send("/a")
    await client.read("/a")
    async with asyncio.timeout(PATIENCE):
        assert await client.reader.read() == b""
    assert time.monotonic() - began > IDLE_SECONDS


async def test_one_that_is_used_stays(client: Client) -> None:
    for _ in range(8):
        client.send("/a")
        await client.read("/a")
        await asyncio.sleep(IDLE_SECONDS / 4)


async def test_an_answer_may_take_longer(client: Client) -> None:
    client.send("/a")
    await client.read("/a")
    client.send(f"/b?{2 * IDLE_SECONDS}")
    await client.read("/b")
    async with asyncio.timeout(PATIENCE):
        assert await client.reader.read() == b""


async def test_what_is_sent_at_once_is_answered_in_turn(client: Client) -> None:
    client.send(f"/a?{IDLE_SECONDS}", f"/b?{IDLE_SECONDS}", "/c")
    for path in ("/a", "/b", "/c"):
        await client.read(path)


async def test_nothing_is_kept_for_who_has_gone(client: Client) -> None:
    client.send("/a")
    await client.read("/a")
    protocol = client.protocols[0]
    alarm = protocol._idle  # noqa: SLF001 - nothing else tells
    assert alarm._timer is not None  # noqa: SLF001 - the same
    client.writer.close()
    async with asyncio.timeout(PATIENCE):
        while protocol.connections:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.001)
    assert alarm._timer is None  # noqa: SLF001 - the same
