"""Requests begin in the order in which they came, a bounded number in each turn of the loop."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

import pytest
from starlette.types import Message, Receive, Scope, Send

from expenses_service.turns import MOST, Turns


class Clock:
    """Counts the turns of the loop while it runs, and notes in which one a request began."""

    def __init__(self) -> None:
        self.turn = 0
        self.begun: list[tuple[int, int]] = []
        self._ended = False

    def start(self) -> None:
        """Count from the next turn on."""
        asyncio.get_running_loop().call_soon(self._tick)

    def stop(self) -> None:
        """Count no more."""
        self._ended = True

    def _tick(self) -> None:
        self.turn += 1
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._tick)

    async def serve(self, scope: Scope, _: Receive, __: Send) -> None:
        """The application: it is done at once."""
        self.begun.append((self.turn, scope["number"]))


async def _receive() -> Message:
    raise LookupError("nothing is read here")


async def _send(_: Message) -> None:
    raise LookupError("nothing is sent here")


def _ask(turns: Turns, number: int, path: str = "/api/v1/expenses") -> asyncio.Task[None]:
    scope: Scope = {"type": "http", "path": path, "number": number}
    return asyncio.create_task(_call(turns, scope))


async def _call(turns: Turns, scope: Scope) -> None:
    await turns(scope, _receive, _send)


@pytest.mark.parametrize("many", [MOST - 1, MOST, MOST + 1, 10 * MOST + 5])
async def test_a_crowd_begins_in_order_a_bounded_number_in_a_turn(many: int) -> None:
    clock = Clock()
    turns = Turns(clock.serve)
    clock.start()
    await asyncio.gather(*(_ask(turns, number) for number in range(many)))
    clock.stop()
    assert [number for _, number in clock.begun] == list(range(many))
    in_turn = Counter(turn for turn, _ in clock.begun)
    assert max(in_turn.values()) == min(many, MOST)
    assert len(in_turn) == -(-many // MOST)
    assert max(in_turn) - min(in_turn) <= 2 * len(in_turn)  # no turn is left out for long


async def test_who_comes_later_stands_behind_those_who_wait() -> None:
    clock = Clock()
    turns = Turns(clock.serve)
    first = [_ask(turns, number) for number in range(3 * MOST)]
    await asyncio.sleep(0)
    later = [_ask(turns, 3 * MOST + number) for number in range(MOST)]
    await asyncio.gather(*first, *later)
    assert [number for _, number in clock.begun] == list(range(4 * MOST))


@pytest.mark.parametrize("seed", range(20))
async def test_it_holds_however_they_come(seed: int) -> None:
    draw = random.Random(seed)
    clock = Clock()
    turns = Turns(clock.serve)
    clock.start()
    tasks: list[asyncio.Task[None]] = []
    for _ in range(200):
        for _ in range(draw.choice((0, 1, 5, MOST - 1, 2 * MOST - 1, draw.randrange(4 * MOST)))):
            tasks.append(_ask(turns, len(tasks)))
        for _ in range(draw.choice((1, 1, 2, 9))):
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    clock.stop()
    assert [number for _, number in clock.begun] == list(range(len(tasks)))
    assert max(Counter(turn for turn, _ in clock.begun).values()) == MOST


async def test_who_gave_up_takes_no_place() -> None:
    clock = Clock()
    turns = Turns(clock.serve)
    clock.start()
    asked = [_ask(turns, number) for number in range(3 * MOST)]
    await asyncio.sleep(0)
    for gone in asked[MOST : 2 * MOST]:
        gone.cancel()
    for task in asked:
        with suppress(asyncio.CancelledError):
            await task
    clock.stop()
    assert [number for _, number in clock.begun] == [*range(MOST), *range(2 * MOST, 3 * MOST)]
    assert len({turn for turn, _ in clock.begun}) == 2


async def test_a_probe_and_what_is_no_request_do_not_wait() -> None:
    clock = Clock()
    turns = Turns(clock.serve)
    crowd = [_ask(turns, number) for number in range(2 * MOST)]
    probe = _ask(turns, -1, "/readyz")
    await asyncio.sleep(0)
    await turns({"type": "lifespan", "number": -2}, _receive, _send)
    begun = [number for _, number in clock.begun]
    assert begun == [*range(MOST), -1, -2]
    await asyncio.gather(*crowd, probe)
    assert len(clock.begun) == 2 * MOST + 2
