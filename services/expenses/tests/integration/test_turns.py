"""A crowd of requests of the whole application begins a few in each turn of the loop."""

import asyncio
import json
from collections import Counter

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from expenses_service.authentication.models import Principal
from expenses_service.authentication.service import Authenticator
from expenses_service.settings import Settings
from expenses_service.turns import MOST, Turns
from tests.conftest import client_of, running
from tests.expense_calls import ADA, PATH
from tests.tokens import SigningKey, access_claims

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


async def test_the_time_in_the_line_is_in_the_duration(
    settings: Settings,
    signing_key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = Turns.__call__

    async def late(self: Turns, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.3)
        await call(self, scope, receive, send)

    monkeypatch.setattr(Turns, "__call__", late)
    token = signing_key.token(access_claims(ADA))
    async with running(settings) as app, client_of(app, token) as client:
        await client.get(PATH, headers={"X-Request-ID": "late"})
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    (line,) = [one for one in lines if one.get("request_id") == "late"]
    assert line["duration_ms"] >= 300
