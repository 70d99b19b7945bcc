"""How the process takes connections."""

import asyncio
import gc
import socket
from contextlib import ExitStack

import uvicorn
from fastapi import FastAPI

from expenses_service.__main__ import COLLECTED_AFTER, DrainingServer
from expenses_service.wire import Protocol

CROWD = 64


class CountingServer(DrainingServer):
    """Takes a crowd, and counts the turns of the loop until all of it is in."""

    turns = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        assert sockets is not None
        await super().startup(sockets)
        with ExitStack() as crowd:
            for _ in range(CROWD):
                crowd.enter_context(socket.create_connection(sockets[0].getsockname()))
            while len(self.server_state.connections) < CROWD and self.turns < 100_000:
                await asyncio.sleep(0)
                self.turns += 1
        self.should_exit = True


def test_a_crowd_is_in_after_a_few_turns_of_the_loop() -> None:
    """A turn is long when many are at work, and each listener takes one of the crowd in it."""
    config = uvicorn.Config(
        FastAPI(), port=0, loop="uvloop", http=Protocol, lifespan="off", log_config=None
    )
    server = CountingServer(config, FastAPI(), 0.0)
    usual = gc.get_threshold()
    try:
        server.run()
        assert gc.get_threshold()[0] == COLLECTED_AFTER > usual[0]
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual)
    assert server.turns < CROWD / 4
