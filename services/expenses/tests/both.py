"""Two applications on one database, one of them without the lane, and a person who asks both."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from expenses_service.authentication.service import Authenticator
from expenses_service.lane import Lane
from expenses_service.revocations.models import RevocationList
from expenses_service.settings import Settings
from expenses_service.straight import Straight
from tests.asked import CREDENTIALS, Ask, Do
from tests.conftest import running
from tests.expense_calls import PATH
from tests.ledger import expense
from tests.raw_calls import Fields, called
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


@asynccontextmanager
async def both_running(settings: Settings) -> AsyncIterator[Both]:
    """Both on one database, the second without the lane and without the straight way."""
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
        fast = await called(self.both.fast, ask.method, target, fields, ahead=ask.ahead)
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
