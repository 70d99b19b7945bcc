"""Lets requests begin a few in each turn of the event loop, in the order in which they came.

The loop goes through all that is ready before it looks at what has arrived: with hundreds of
requests that begin in one turn, what Postgres has answered long ago lies there until the next. A
statement of a millisecond takes half a second then, the eight connections carry sixteen a second,
and what needs one is refused though there was time for it.
"""

import asyncio
from collections import deque
from contextvars import Context
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from expenses_service.request_log import QUIET_PATHS

MOST: Final = 32
"""Requests that begin in a turn: some 10 ms of work."""


class Turns:
    """Pure ASGI, within the telemetry, which counts the wait; probes do not wait in line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._left = MOST
        self._called = 0
        """Who stood in the line and begins in this turn."""
        self._line: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when it is its turn."""
        if scope["type"] == "http" and scope["path"] not in QUIET_PATHS:
            if self._left:
                self._left -= 1
                self._end_turn()
            else:
                place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._line.append(place)
                await place
        await self._app(scope, receive, send)

    def _end_turn(self) -> None:
        """Ask for the next one if this one is full, so that an idle loop has nothing to count."""
        if not self._left:
            asyncio.get_running_loop().call_soon(self._next_turn, context=Context())

    def _next_turn(self) -> None:
        """Who is called from the line begins in the turn after this one, and nobody before him."""
        called = 0
        while called < MOST and self._line:
            place = self._line.popleft()
            if not place.done():  # else it was given up
                place.set_result(None)
                called += 1
        self._left = 0 if called else MOST - self._called
        self._called = called
        self._end_turn()
