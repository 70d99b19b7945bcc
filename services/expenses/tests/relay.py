"""A way to a server that takes its time, keeps silent about its end, or encrypts."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url

TLS_PLEASE = (8).to_bytes(4) + (80877103).to_bytes(4)
"""What a client of Postgres may send first (SSLRequest); at S it goes on in TLS."""


@asynccontextmanager
async def relayed(
    url: str, *, seconds: float = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Leads to the server at `url`; each connection passes nothing for its first `seconds`.

    With `tls` the client has to ask for it. Nobody is told that the server has closed a connection.
    """
    server, over = make_url(url), asyncio.Event()

    ended = asyncio.create_task(over.wait())

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.wait([ended], timeout=seconds)
        if over.is_set():
            writer.transport.abort()
            return
        if tls is not None:
            assert await reader.readexactly(len(TLS_PLEASE)) == TLS_PLEASE
            writer.write(b"S")
            await writer.start_tls(tls)
        far, back = await asyncio.open_connection(server.host, server.port)
        pumps = [asyncio.create_task(pump(reader, back)), asyncio.create_task(pump(far, writer))]
        await over.wait()
        for each in pumps:
            each.cancel()
        for end in (writer, back):
            end.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as relay:
        port = relay.sockets[0].getsockname()[1]
        yield server.set(port=port).render_as_string(hide_password=False)
        over.set()
        await asyncio.sleep(0.05)  # until all has been aborted
