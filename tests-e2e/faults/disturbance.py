"""Faults one after the other, at moments and of kinds that dice choose; each is over before the next."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

from faults.stack import WiredStack, names, say
from faults.trouble import COMMIT, Trouble

HUNG_SECONDS = 2.0
DOWN_SECONDS = 0.5
CALM_SECONDS = (0.3, 2.0)
SERVERS = ("postgres", "sessions", "cache")
REPLICAS = (*names("expenses"), *names("auth"))
WAYS = (("expenses", "postgres"), ("gateway", "expenses"), ("expenses", "cache"))
LOST = {
    ("expenses", "postgres"): (COMMIT, b"Lunch"),  # a transaction's end, and a statement of its own
    ("gateway", "expenses"): (b"POST /api", b"PATCH /api", b"DELETE /api", b"PUT /api"),
}
"""What is done and never told of."""

Fault = Callable[[WiredStack, random.Random], str]


def _kill_a_server(stack: WiredStack, dice: random.Random) -> str:
    return _kill(stack, dice, dice.choice(("postgres", *SERVERS)))


def _kill_a_replica(stack: WiredStack, dice: random.Random) -> str:
    return _kill(stack, dice, dice.choice((*names("expenses"), *REPLICAS)))


def _kill(stack: WiredStack, dice: random.Random, name: str) -> str:
    stack.kill(name)
    time.sleep(dice.uniform(0, DOWN_SECONDS))
    stack.start(name)
    return f"{name} killed"


def _hang(stack: WiredStack, dice: random.Random) -> str:
    name = dice.choice((*SERVERS, *REPLICAS))
    stack.signal(name, signal.SIGSTOP)
    time.sleep(HUNG_SECONDS)
    stack.signal(name, signal.SIGCONT)
    return f"{name} hung"


def _cut(stack: WiredStack, dice: random.Random) -> str:
    """All connections, a few times."""
    way = dice.choice(WAYS)
    for _ in range(5):
        for wire in stack.wires(*way):
            wire.cut()
        time.sleep(dice.uniform(0, 0.2))
    return f"{' → '.join(way)} cut"


def _lose_answers(stack: WiredStack, dice: random.Random) -> str:
    way = dice.choice(list(LOST))
    mark = dice.choice(LOST[way])
    with stack.having(way, Trouble(unanswered=mark)) as wires:
        before = sum(wire.lost for wire in wires)
        time.sleep(dice.uniform(0.5, 1.5))
        lost = sum(wire.lost for wire in wires) - before
    return f"{' → '.join(way)} lost {lost} answers to {mark.decode()}"


def _slow(stack: WiredStack, dice: random.Random) -> str:
    """Several ways, each by another time, so that answers overtake one another."""
    with ExitStack() as troubles:
        for way in WAYS:
            for wire in stack.wires(*way):
                troubles.enter_context(wire.having(Trouble(latency=dice.uniform(0, 0.1))))
        time.sleep(HUNG_SECONDS)
    return "all ways slow"


FAULTS: tuple[Fault, ...] = (_kill_a_server, _kill_a_replica, _hang, _cut, _lose_answers, _slow)


def disturb(stack: WiredStack, seconds: float, seed: int) -> Counter[str]:
    """Until so long from now; how often each kind was there. Each comes before any comes again."""
    dice, end = random.Random(f"faults {seed}"), time.monotonic() + seconds
    done: Counter[str] = Counter()
    while True:
        for fault in dice.sample(FAULTS, len(FAULTS)):
            time.sleep(dice.uniform(*CALM_SECONDS))
            if time.monotonic() > end:
                return done
            say(fault(stack, dice))
            done[fault.__name__] += 1
