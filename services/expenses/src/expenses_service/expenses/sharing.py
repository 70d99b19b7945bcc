"""Records expenses for requests of one user that come at the same time, by one statement for all.

They would wait for each other anyway, for the row of their user. Users do not wait for each other.
"""

import asyncio
from collections.abc import Iterable
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from expenses_service.direct import Direct
from expenses_service.errors import Unavailable
from expenses_service.expenses.recording import New, record

MOST: Final = 100
"""Rows in a statement, which holds the row of its user for so long."""

Waiter = tuple[New, "asyncio.Future[bool]"]


@dataclass(slots=True)
class _Line:
    """A user with a statement in flight: who waits for the next one, and the names of all."""

    waiting: list[Waiter] = field(default_factory=list)
    names: set[object] = field(default_factory=set)


class Recorder:
    """One statement in flight for each user; who comes meanwhile shares the next one.

    Who finds nothing in flight sends his own at once. Each is told what became of his own row. A
    caller that is cancelled takes nobody along.
    """

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._lines: dict[UUID, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def has(self, user_id: UUID) -> bool:
        """Whether there is a line of this user."""
        return user_id in self._lines

    async def record(self, user_id: UUID, new: New) -> bool:
        """Whether it is recorded now; else it goes the long way, which tells why.

        That is at once where another has its key or external id: it need not wait for a 409.

        Raises Unavailable, also when the statement before its own fails: it waits for one alone.
        """
        line, names = self._lines.get(user_id), new.names()
        if line is None:
            line = self._lines[user_id] = _Line()
            outcome = self._sent_alone(user_id, line, new)
        elif line.names.isdisjoint(names):
            outcome = _shared(line, new)
        else:
            return False
        line.names |= names
        try:
            return await outcome
        finally:
            line.names -= names

    async def _sent_alone(self, user_id: UUID, line: _Line, new: New) -> bool:
        """Then go on with those who came meanwhile."""
        try:
            return bool(await record(self._direct, user_id, [new]))
        except Exception as error:
            _refuse(line.waiting, error)
            line.waiting.clear()
            raise
        finally:
            if line.waiting:
                self._go_on(user_id, line)
            else:
                del self._lines[user_id]

    def _go_on(self, user_id: UUID, line: _Line) -> None:
        """In a context of its own: its log lines are of no one request."""
        task = asyncio.create_task(self._serve(user_id, line), name="recorder", context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, user_id: UUID, line: _Line) -> None:
        sent: list[Waiter] = []
        try:
            while line.waiting:
                sent, line.waiting = line.waiting[:MOST], line.waiting[MOST:]
                await self._send(user_id, [each for each in sent if not each[1].done()])
        except asyncio.CancelledError:
            _refuse([*sent, *line.waiting], Unavailable())
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
            _refuse([*sent, *line.waiting], error)
        finally:
            del self._lines[user_id]

    async def _send(self, user_id: UUID, sent: list[Waiter]) -> None:
        recorded = await record(self._direct, user_id, [new for new, _ in sent])
        for new, waiter in sent:
            if not waiter.done():
                waiter.set_result(new.expense.id in recorded)

    async def close(self) -> None:
        """Refuse who still waits."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _shared(line: _Line, new: New) -> bool:
    waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    line.waiting.append((new, waiter))
    return await waiter


def _refuse(waiters: Iterable[Waiter], error: Exception) -> None:
    for _, waiter in waiters:
        if not waiter.done():
            waiter.set_exception(error)
