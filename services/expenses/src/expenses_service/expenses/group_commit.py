"""Records expenses of many users by few statements, each for all who have come meanwhile.

A statement and its commit cost most of what a create costs, for one row as for ten. What databases
call group commit: nobody waits for company, and who finds all statements in flight shares the next.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from expenses_service.database import sqlstate, unavailable
from expenses_service.direct import WAIT_SECONDS, Direct
from expenses_service.errors import Unavailable
from expenses_service.expenses.recording import REFUSALS, New, Outcome, Sent, record_free
from expenses_service.expenses.sharing import MOST, Recorder

IN_FLIGHT: Final = 2
"""Statements at a time: one is made up while the other is carried out."""

log = structlog.get_logger(__name__)


class _Waiter(NamedTuple):
    user_id: UUID
    new: New
    since: float
    told: "asyncio.Future[bool | None]"


class GroupCommit:
    """At most IN_FLIGHT statements at a time, and a user in one of them only.

    They wait for nobody's lock. Whose row somebody else has goes on in a line of that user's own
    (`sharing.py`), which alone waits for it. So does everybody of a shared statement that one of
    its rows has undone: nobody meets the error of another user.
    """

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._lines = Recorder(direct)
        self._waiting: list[_Waiter] = []
        self._names: set[tuple[UUID, object]] = set()
        self._users: set[UUID] = set()
        self._in_flight = 0
        self._pace = 0.0
        """Seconds for each row of the last statement that was shared."""
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def expected_wait(self) -> float:
        """Seconds until one more would be sent; 0 if that is now."""
        return self._wait_behind(self._able())

    def is_slower_than(self, seconds: float) -> bool:
        """Whether that is more; as a rule it is not even for one behind all who are there."""
        return self._wait_behind(self._waiting) > seconds and self.expected_wait() > seconds

    def _wait_behind(self, waiting: Sequence[_Waiter]) -> float:
        if self._in_flight < IN_FLIGHT or not waiting:
            return 0.0
        longest = time.monotonic() - waiting[0].since
        return max(longest, len(waiting) * self._pace / IN_FLIGHT)

    def _able(self) -> list[_Waiter]:
        """Who waits for nothing but a statement."""
        users = self._users
        return [
            each for each in self._waiting if not each.told.done() and each.user_id not in users
        ]

    async def record(self, user_id: UUID, new: New) -> bool:
        """Whether it is recorded now; else it goes the long way, which tells why.

        That is at once where another has its key or external id: it need not wait for a 409.

        Raises Unavailable, also for who has waited for WAIT_SECONDS.
        """
        names = {(user_id, name) for name in new.names()}
        if not self._names.isdisjoint(names):
            return False
        self._names |= names
        try:
            recorded = None if self._lines.has(user_id) else await self._recorded(user_id, new)
            return await self._lines.record(user_id, new) if recorded is None else recorded
        finally:
            self._names -= names

    async def _recorded(self, user_id: UUID, new: New) -> bool | None:
        """None if that is to be found out in the user's own line."""
        if self._in_flight < IN_FLIGHT and user_id not in self._users:
            self._begin([user_id])
            try:
                return _told(await self._send([(user_id, new)]), user_id, new)
            except REFUSALS:
                return False
            finally:
                self._go_on()
        told: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiter(user_id, new, time.monotonic(), told))
        if self._timer is None:
            self._timer = _later(WAIT_SECONDS, self._refuse_late)
        return await told

    def _refuse_late(self) -> None:
        """Who has waited too long; the timer goes on for the next."""
        self._timer, now = None, time.monotonic()
        late = [waiter for waiter in self._waiting if waiter.since + WAIT_SECONDS <= now]
        if late:
            _refuse(late, unavailable(TimeoutError(), "group commit, all in use"))
        self._waiting = [waiter for waiter in self._waiting if not waiter.told.done()]
        if self._waiting:
            seconds = self._waiting[0].since + WAIT_SECONDS - now
            self._timer = _later(seconds, self._refuse_late)

    def _begin(self, users: Iterable[UUID]) -> None:
        self._in_flight += 1
        self._users.update(users)

    async def _send(self, sent: Sequence[Sent]) -> Outcome:
        """What has begun. It is sent again if something undid it that came in just then."""
        try:
            try:
                return await record_free(self._direct, sent)
            except REFUSALS:
                return await record_free(self._direct, sent)
        finally:
            self._in_flight -= 1
            self._users.difference_update(user_id for user_id, _ in sent)

    def _go_on(self) -> None:
        """In a context of its own: its log lines are of no one request."""
        while self._in_flight < IN_FLIGHT and (taken := self._taken()):
            self._begin(waiter.user_id for waiter in taken)
            task = asyncio.create_task(self._serve(taken), name="group commit", context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(partial(_refuse_all, taken))  # if it never began

    def _taken(self) -> list[_Waiter]:
        """Who is next: in the order in which they came, without those who are in flight."""
        taken = self._able()[:MOST]
        gone = set(map(id, taken))
        self._waiting = [
            each for each in self._waiting if not each.told.done() and id(each) not in gone
        ]
        return taken

    async def _serve(self, taken: list[_Waiter]) -> None:
        began = time.monotonic()
        try:
            outcome = await self._send([(each.user_id, each.new) for each in taken])
        except Unavailable as error:
            _refuse(taken, error)
        except Exception as error:  # noqa: BLE001 - of one, who meets it again in his own line
            reason = sqlstate(error) or type(error).__name__
            log.warning("group_commit_undone", reason=reason, rows=len(taken))
            for each in taken:
                _tell(each, None)
        else:
            self._pace = (time.monotonic() - began) / len(taken)
            for each in taken:
                _tell(each, _told(outcome, each.user_id, each.new))
        self._go_on()

    async def close(self) -> None:
        """Refuse who still waits."""
        _refuse(self._waiting, Unavailable())
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._lines.close()


def _told(outcome: Outcome, user_id: UUID, new: New) -> bool | None:
    if new.expense.id in outcome.recorded:
        return True
    return None if user_id in outcome.later else False


def _tell(waiter: _Waiter, recorded: bool | None) -> None:  # noqa: FBT001 - what it waits for
    if not waiter.told.done():
        waiter.told.set_result(recorded)


def _refuse(waiters: Iterable[_Waiter], error: Exception) -> None:
    for waiter in waiters:
        if not waiter.told.done():
            waiter.told.set_exception(error)


def _later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    """In a context of its own, like all that is of no one request."""
    return asyncio.get_running_loop().call_later(seconds, call, context=Context())


def _refuse_all(waiters: Iterable[_Waiter], _: object) -> None:
    _refuse(waiters, Unavailable())
