"""A crowd of requests of the whole application begins a few in each turn of the loop."""

import asyncio
from collections import Counter

import httpx
import pytest

from expenses_service.authentication.models import Principal
from expenses_service.authentication.service import Authenticator
from expenses_service.turns import MOST
from tests.expense_calls import PATH

CROWD = 3 * MOST


async def test_no_more_than_a_few_begin_in_a_turn_of_the_loop(
    bob: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, ended = 0, False
    begun: Counter[int] = Counter()
    recall = Authenticator.recall

    def counting(self: Authenticator, token: bytes) -> Principal | None:
        begun[turn] += 1
        return recall(self, token)

    def tick() -> None:
        nonlocal turn
        turn += 1
        if not ended:
            asyncio.get_running_loop().call_soon(tick)

    monkeypatch.setattr(Authenticator, "recall", counting)
    tick()
    answers = await asyncio.gather(*(bob.get(PATH) for _ in range(CROWD)))
    ended = True
    assert {answer.status_code for answer in answers} == {200}
    assert begun.total() == CROWD
    assert max(begun.values()) == MOST
