"""Many connections that come at once are accepted in few turns of the event loop."""

import asyncio
import socket

import uvicorn
import uvloop

from auth_service.__main__ import ACCEPTED_AT_ONCE, listening


async def turns_to_accept(sockets: list[socket.socket], number: int) -> int:
    """Turns of the loop until so many clients are connected."""
    accepted: list[asyncio.BaseTransport] = []

    class Counting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(transport)

    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Counting, sock=each) for each in sockets]
    clients = [socket.create_connection(sockets[0].getsockname()) for _ in range(number)]
    turns = 0
    while len(accepted) < number:
        turns += 1
        await asyncio.sleep(0)
    for transport in accepted:
        transport.close()
    for server in servers:
        server.close()
    for client in clients:
        client.close()
    await asyncio.sleep(0)
    return turns


def test_as_many_as_agreed_are_accepted_in_a_turn() -> None:
    """By one socket alone it is one in a turn: that is why there are more."""
    number = 3 * ACCEPTED_AT_ONCE
    config = uvicorn.Config("", host="127.0.0.1", port=0, log_config=None)
    sockets = listening(config)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        few = runner.run(turns_to_accept(sockets, number))
    for each in sockets:
        each.close()
    [one, *others] = listening(config)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        many = runner.run(turns_to_accept([one], number))
    for each in (one, *others):
        each.close()
    assert few <= 6
    assert many >= number
