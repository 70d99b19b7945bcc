"""Clients of one account that read and write at the same time, give up, ask again, and note all answers.

What they do comes from dice: for one seed each does the same as far as it is answered the same.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import httpx

from history.record import Call, Document, Record
from history.requests import Known, Request, some_creation, some_request

BASE = "/api/v1"
PATIENCE = 10.0
IMPATIENT = 0.03
"""Of all calls: nobody waits for the answer, so nobody knows what became of it."""
AT_ONCE = 0.1
"""Of keyed calls: the same twice at the same time."""
BURST, BURSTS = 5, 0.03
"""So many creations at the same time, and how often."""
LOOK_AGAIN = 0.3
"""Of reads: the same at once again, if it has changed."""
ATTEMPTS = 12
PAUSE = 0.02

_numbers = itertools.count(1)
_operations = itertools.count(1)


@dataclass
class User:
    """An account, and what its clients know of it together."""

    name: str
    token: str
    known: Known = field(default_factory=Known)


class Client:
    """One of several of a user."""

    def __init__(
        self, name: str, user: User, http: httpx.AsyncClient, record: Record, dice: random.Random
    ) -> None:
        self._name = name
        self._user = user
        self._http = http
        self._record = record
        self._dice = dice

    async def live(self, end: float, calls: int) -> None:
        """Ask one thing after the other until `end`, or until all have asked so often."""
        while time.monotonic() < end and len(self._record.calls) < calls:
            request = some_request(self._dice, self._user.known)
            operation = next(_operations)
            if self._dice.random() < BURSTS:
                await self._burst()
            elif request.key is not None and self._dice.random() < AT_ONCE:
                await asyncio.gather(*(self._ask(request, operation) for _ in range(2)))
                await self._ask_otherwise(request)
            else:
                await self._ask(request, operation)
            if request.method == "GET" and self._dice.random() < LOOK_AGAIN:
                tag = self._user.known.tags.get(request.target)
                await self._ask(replace(request, if_none_match=tag), next(_operations))
            await asyncio.sleep(self._dice.random() * PAUSE)

    async def _burst(self) -> None:
        requests = [some_creation(self._dice) for _ in range(BURST)]
        await asyncio.gather(*(self._ask(each, next(_operations)) for each in requests))

    async def _ask(self, request: Request, operation: int) -> None:
        """Until it is answered, if asking again cannot do it again."""
        for attempt in range(ATTEMPTS):
            call = await self._call(request, operation)
            self._user.known.learn(call)
            unsettled = call.silent or call.code == "idempotency_in_progress"
            if not (unsettled and request.repeatable):
                return
            await asyncio.sleep(min(2.0, 0.1 * 2**attempt) * self._dice.random())

    async def _ask_otherwise(self, request: Request) -> None:
        """Something else with the same key."""
        if request.body and "amount" in request.body:
            other = {**request.body, "amount": "0.07", "notes": f"{request.body['notes']} otherwise"}
            self._user.known.learn(await self._call(replace(request, body=other), next(_operations)))

    async def _call(self, request: Request, operation: int) -> Call:
        patience = PATIENCE if self._dice.random() >= IMPATIENT else self._dice.uniform(0.002, 0.04)
        start = time.monotonic()
        answer = await self._answer(request, patience)
        call = Call(
            next(_numbers),
            operation,
            self._user.name,
            self._name,
            start,
            time.monotonic(),
            request.method,
            request.path,
            request.query,
            request.body,
            request.key,
            request.if_match,
            request.if_none_match,
        )
        if answer is not None:
            call = replace(
                call,
                status=answer.status_code,
                etag=answer.headers.get("etag"),
                replayed="idempotency-replayed" in answer.headers,
                answer=document(answer),
            )
        self._record.add(call)
        return call

    async def _answer(self, request: Request, patience: float) -> httpx.Response | None:
        """None when it does not come, or not as a whole."""
        headers = {"Authorization": f"Bearer {self._user.token}", **request.headers}
        try:
            async with asyncio.timeout(patience):
                return await self._http.request(
                    request.method,
                    f"{BASE}{request.path}",
                    params=request.query,
                    json=request.body,
                    headers=headers,
                    timeout=None,
                )
        except (httpx.TransportError, TimeoutError):
            return None


def document(answer: httpx.Response) -> Document | None:
    """The JSON of an answer, None where there is none."""
    if "json" not in answer.headers.get("content-type", ""):
        return None
    body: Document = answer.json()
    return body


async def all_at_work(
    base_url: str,
    users: Sequence[User],
    record: Record,
    *,
    seconds: float,
    calls: int,
    seed: int,
    clients: int,
) -> None:
    """So many clients of each user, for so long or until all of them have made so many calls."""
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=base_url, limits=limits, trust_env=False) as http:
        working = [
            Client(f"{user.name}.{number}", user, http, record, random.Random(f"{seed} {place} {number}"))
            for place, user in enumerate(users)
            for number in range(1, clients + 1)
        ]
        await asyncio.gather(*(client.live(end, calls) for client in working))
