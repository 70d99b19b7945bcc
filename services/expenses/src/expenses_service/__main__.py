"""`python -m expenses_service`: serves on HOST and PORT, and drains before it stops.

uvicorn stops accepting at SIGTERM, while the gateway still sends. Here the service first says on
/readyz that it is stopping, waits EXPENSES_DRAIN_SECONDS for the gateway to see it, then stops.
"""

import asyncio
import gc
import os
import signal
import socket
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from expenses_service.app import create_app
from expenses_service.wire import Protocol

KEEP_ALIVE_SECONDS = 75  # longer than the gateway keeps an idle connection (60 s)
LISTENERS = 16
"""On one socket: each takes one connection in a turn of uvloop's, and a crowd comes by hundreds."""
GRACEFUL_SECONDS = 30
COLLECTED_AFTER = 5_000
"""So many containers came and did not go: hundreds of requests at a time have tens of thousands."""


class DrainingServer(uvicorn.Server):
    """A server whose first SIGTERM only marks the application as stopping, for a while."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_seconds: float) -> None:
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen and serve until a signal comes."""
        if sockets is None:
            listener = self.config.bind_socket()
            sockets = [listener, *(listener.dup() for _ in range(LISTENERS - 1))]
        super().run(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Then take all that start-up made out of the collector's sight, and it looks less."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECTED_AFTER)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal handler; a second signal, or Ctrl-C, stops without the wait."""
        first = not self._app.state.stopping
        self._app.state.stopping = True
        if first and sig == signal.SIGTERM and self._drain_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self._drain_seconds, super().handle_exit, sig, frame)
        else:
            super().handle_exit(sig, frame)


def configuration(app: FastAPI) -> uvicorn.Config:
    """Of the server for `app`, which it calls without anything of its own in between."""
    return uvicorn.Config(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8000")),
        loop="uvloop",
        http=Protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,  # nothing here asks who the client is or how it came
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        h11_max_incomplete_event_size=None,
    )


def main() -> None:
    """Read the environment and serve until a signal comes."""
    app = create_app()
    drain = float(os.environ.get("EXPENSES_DRAIN_SECONDS", "0"))
    with suppress(KeyboardInterrupt):  # uvicorn raises it again when it has stopped
        DrainingServer(configuration(app), app, drain).run()


if __name__ == "__main__":
    main()
