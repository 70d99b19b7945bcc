"""When an alarm rings, and how often it bothers the loop, on a clock that the test moves."""

import asyncio
from collections.abc import Callable, Iterator
from contextvars import Context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expenses_service.alarms import Alarm


class Clock(asyncio.SelectorEventLoop):
    """A loop of timers alone."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.timers: list[asyncio.TimerHandle] = []
        self.made = 0

    def time(self) -> float:
        return self.now

    def call_at(  # type: ignore[override]  # all that an alarm gives
        self, when: float, callback: Callable[[], object], *, context: Context
    ) -> asyncio.TimerHandle:
        self.made += 1
        self.timers.append(asyncio.TimerHandle(when, callback, (), self, context))
        return self.timers[-1]

    def waiting(self) -> list[asyncio.TimerHandle]:
        return [timer for timer in self.timers if not timer.cancelled()]

    def move(self, now: float) -> None:
        """Each timer runs when it is due."""
        while due := [timer for timer in self.waiting() if timer.when() <= now]:
            first = min(due, key=asyncio.TimerHandle.when)
            self.timers.remove(first)
            self.now = first.when()
            first._run()  # noqa: SLF001 - as a loop does
        self.now = now


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    yield clock
    clock.close()


_STEPS = st.one_of(
    st.tuples(st.just("set"), st.integers(0, 20)),
    st.tuples(st.just("move"), st.integers(1, 20)),
    st.tuples(st.sampled_from(["clear", "end"]), st.just(0)),
)


@given(st.lists(_STEPS, max_size=40))
def test_it_rings_at_the_time_that_it_was_last_set_to(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    rung: list[float] = []
    expected: list[float] = []
    alarm = Alarm(clock, lambda: rung.append(clock.now))
    at: float | None = None
    ended = False
    for step, number in [*steps, ("move", 50)]:
        if step == "set":
            at = clock.now + number
            alarm.set(at)
        elif step == "move":
            if at is not None and at <= clock.now + number and not ended:
                expected.append(at)
                at = None
            clock.move(clock.now + number)
        else:
            at = None
            ended = ended or step == "end"
            alarm.clear() if step == "clear" else alarm.end()
        assert len(clock.waiting()) <= 1
    assert rung == expected
    assert clock.waiting() == []
    clock.close()


def test_the_loop_has_one_timer_for_many_that_were_in_time(clock: Clock) -> None:
    rung: list[float] = []
    alarm = Alarm(clock, lambda: rung.append(clock.now))
    for number in range(10_000):
        clock.move(number / 1000)
        alarm.set(clock.now + 2)
        alarm.clear()
    clock.move(clock.now + 10)
    assert rung == []
    assert clock.made <= 6


def test_what_has_ended_is_not_kept_by_the_loop(clock: Clock) -> None:
    alarm = Alarm(clock, lambda: None)
    alarm.set(5)
    alarm.end()
    assert clock.waiting() == []
