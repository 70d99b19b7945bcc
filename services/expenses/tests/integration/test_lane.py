"""The lane answers as the route would: two applications on one database, one of them without it.

That one has no straight way to its routes either (`straight.py`).

Steps at random, of one user: requests with all kinds of credentials, conditions, parameters and
paths, with writes, revocations and a clock between them. Each request goes to both; status,
headers, body, and what the log and the metrics are told have to be the same.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from expenses_service.authentication.service import Authenticator
from expenses_service.lane import Lane
from expenses_service.revocations.models import RevocationList
from expenses_service.settings import Settings
from expenses_service.straight import Straight
from tests.asked import CONDITIONS, CREDENTIALS, METHODS, TARGETS, Ask, Do, scripts
from tests.conftest import running
from tests.expense_calls import PATH
from tests.ledger import expense
from tests.raw_calls import Fields, called, counted
from tests.records import record
from tests.tokens import SigningKey, access_claims, user_id

STRANGER = user_id(9)


class Passed:
    """Counts what gets to the framework."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._seen.append(scope["path"])
        await self._app(scope, receive, send)


@dataclass
class Clock:
    """Seconds that both applications are ahead."""

    ahead: float = 0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Both:
    """The two applications, what reached the framework of the one with the lane, and a clock."""

    fast: FastAPI
    plain: FastAPI
    seen: list[str]
    clock: Clock
    answered: int = 0

    def revoke(self, *sessions: UUID) -> None:
        for app in (self.fast, self.plain):
            held = RevocationList(1, frozenset(each.int for each in sessions), {})
            app.state.resources.revocations.list = held


@pytest.fixture
async def both(settings: Settings) -> AsyncIterator[Both]:
    seen: list[str] = []
    clock = Clock()
    async with AsyncExitStack() as stack:
        fast, plain = [await stack.enter_async_context(running(settings)) for _ in range(2)]
        for app in (fast, plain):
            held = app.state.resources
            judge = Authenticator(held.keys, settings.issuer, held.revocations.is_revoked, clock)
            app.state.resources = replace(held, authenticator=judge)
        lane: object = Lane
        place = next(n for n, each in enumerate(fast.user_middleware) if each.cls is lane)
        fast.user_middleware.insert(place + 1, Middleware(Passed, seen=seen))
        without: tuple[object, ...] = (lane, Straight)
        plain.user_middleware = [each for each in plain.user_middleware if each.cls not in without]
        yield Both(fast, plain, seen, clock)


@dataclass
class Person:
    """The names that requests use, for a user of this example alone."""

    both: Both
    user: UUID
    session: UUID
    names: dict[str, str]
    etags: dict[str, str] = field(default_factory=dict)

    async def do(self, act: Do) -> None:
        database = self.both.plain.state.resources.database
        if act.what == "write":
            await record(database, self.user, expense())
        elif act.what == "delete":
            target = f"{PATH}/{self.names['mine']}"
            await called(self.both.plain, "DELETE", target, self.fields(CREDENTIALS[0], ""))
        elif act.what in {"revoke", "allow"}:
            self.both.revoke(*([self.session] if act.what == "revoke" else []))
        else:
            self.both.clock.ahead = 400 if act.what == "later" else 0

    async def ask(self, ask: Ask) -> None:
        target = ask.target.format_map(self.names)
        fields = self.fields(ask.credentials, target)
        fields += [(b"if-none-match", self.filled(each, target)) for each in ask.conditions]
        before = len(self.both.seen)
        fast = await called(self.both.fast, ask.method, target, fields)
        plain = await called(self.both.plain, ask.method, target, fields)
        assert fast == plain, ask
        if len(self.both.seen) == before:
            self.both.answered += 1
            assert fast["status"] in {200, 304}
        etag = dict(plain["headers"]).get(b"etag")
        if etag is not None:
            self.etags[target] = etag.decode()

    def fields(self, credentials: tuple[str, ...], target: str) -> Fields:
        pairs = [line.split(": ", 1) for line in credentials]
        return [(name.encode(), self.filled(value, target)) for name, value in pairs]

    def filled(self, text: str, target: str) -> bytes:
        etag = self.etags.get(target, '"unknown"')
        return text.format(etag=etag, bare=etag.strip('"'), **self.names).encode("latin-1")


async def person(both: Both, key: SigningKey) -> Person:
    """Somebody new, whose clock is right, with three expenses of which one is deleted."""
    both.clock.ahead = 0
    both.revoke()
    number = uuid4().int
    user, session = user_id(number % 2**48), uuid4()
    rows = [expense(category="food"), expense(category="travel"), expense(), expense()]
    foreign = expense()
    database = both.plain.state.resources.database
    await record(database, user, *rows)
    await record(database, STRANGER, foreign)
    tokens = {
        "token": key.token(access_claims(user, sid=str(session))),
        "writer": key.token(access_claims(user, scope="expenses:write")),
        "other": key.token(access_claims(STRANGER)),
    }
    names = {"mine": str(rows[0].id), "gone": str(rows[1].id), "foreign": str(foreign.id)}
    made = Person(both, user, session, tokens | names | {"loud": str(rows[0].id).upper()})
    fields = made.fields(CREDENTIALS[0], "")
    await called(both.plain, "DELETE", f"{PATH}/{names['gone']}", fields)
    link = dict((await called(both.plain, "GET", f"{PATH}?limit=2", fields))["headers"])[b"link"]
    made.names["cursor"] = link.decode().partition("cursor=")[2].partition(">")[0]
    return made


@hypothesis(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=scripts())
async def test_lane_and_route_answer_alike(
    both: Both, signing_key: SigningKey, steps: list[Ask | Do]
) -> None:
    someone = await person(both, signing_key)
    before = counted(both.fast), counted(both.plain)
    for step in steps:
        await (someone.ask(step) if isinstance(step, Ask) else someone.do(step))
    assert counted(both.fast) - before[0] == counted(both.plain) - before[1]


@pytest.mark.parametrize(
    ("target", "known_still"),
    [(PATH, False), (f"{PATH}/{{mine}}", True), (f"{PATH}/summary?group_by=kind", False)],
)
async def test_the_second_answer_comes_from_the_lane(
    both: Both, signing_key: SigningKey, target: str, *, known_still: bool
) -> None:
    someone = await person(both, signing_key)
    first, again = Ask("GET", target, CREDENTIALS[0], ()), Ask("GET", target, CREDENTIALS[1], ())
    known = replace(again, conditions=("W/{etag}",))
    for ask in (first, again, known, again):
        await someone.ask(ask)
    assert both.answered == 3
    assert len(both.seen) == 1
    await someone.do(Do("write"))
    for ask in (known, again, again):
        await someone.ask(ask)
    assert both.answered == 5 - known_still  # after a 304 the bytes have to be got


async def test_every_kind_of_request_for_a_kept_answer(both: Both, signing_key: SigningKey) -> None:
    """Each twice, so that also what is remembered of it meets what is kept."""
    someone = await person(both, signing_key)
    for target in TARGETS:
        plain = Ask("GET", target, CREDENTIALS[0], ())
        for ask in (plain, plain, replace(plain, credentials=CREDENTIALS[1])):
            await someone.ask(ask)
    kept = Ask("GET", PATH, CREDENTIALS[0], ())
    for ask in (
        *(replace(kept, credentials=each) for each in CREDENTIALS),
        *(replace(kept, conditions=each) for each in CONDITIONS),
        *(replace(kept, method=each) for each in sorted(set(METHODS))),
    ):
        for again in (ask, ask, kept):
            await someone.ask(again)


async def test_what_is_known_by_tag_alone_is_known_again(
    both: Both, signing_key: SigningKey
) -> None:
    someone = await person(both, signing_key)
    await called(both.plain, "GET", PATH, someone.fields(CREDENTIALS[0], ""))
    someone.etags[PATH] = dict(
        (await called(both.plain, "GET", PATH, someone.fields(CREDENTIALS[0], "")))["headers"]
    )[b"etag"].decode()
    known = Ask("GET", PATH, CREDENTIALS[0], ("{etag}",))
    for ask in (known, known):
        await someone.ask(ask)
    assert both.answered == 1
    await someone.ask(replace(known, conditions=('"x"',)))  # wants the bytes, which nobody kept
    assert len(both.seen) == 2
    for ask in (replace(known, conditions=()), known):
        await someone.ask(ask)
    assert both.answered == 3


async def test_what_ends_a_token_ends_it_here(both: Both, signing_key: SigningKey) -> None:
    someone = await person(both, signing_key)
    ask = Ask("GET", PATH, CREDENTIALS[0], ())
    for end, mend in (("revoke", "allow"), ("later", "now")):
        await someone.ask(ask)
        await someone.ask(ask)
        answered = both.answered
        await someone.do(Do(end))
        await someone.ask(ask)
        assert both.answered == answered > 0
        await someone.do(Do(mend))
