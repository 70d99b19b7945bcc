"""The straight way answers as the framework: two applications on one database, one without it.

Every route that has a plan is asked, as everybody and with all kinds of headers, queries and
bodies. Each request goes to both; status, headers, body, and what the log and the metrics are told
have to be the same, ids and instants of what was made aside.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from starlette.types import Message

from expenses_service.lane import Lane
from expenses_service.plans import Plans
from expenses_service.settings import Settings
from expenses_service.straight import Straight
from tests.conftest import running
from tests.expense_calls import ADA, DRAFT, PATH
from tests.ledger import expense
from tests.raw_calls import GONE, Fields, called, counted
from tests.records import record
from tests.tokens import SigningKey, access_claims

NEVER_ALIKE = "/metrics"  # it tells what each has done
MADE = re.compile(
    rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"
    rb'|"seq":[0-9]+|"next_since":[0-9]+|[0-9a-f]{32}'
)


MINE = "{expense_id:uuid}"
"""In a path: an expense that is asked of one of the two alone, each time in the same state."""


@dataclass(frozen=True)
class Ask:
    """A request; `{token}` and the like in its headers stand for what is there."""

    method: str
    path: str
    query: str = ""
    credentials: tuple[str, ...] = ("cookie: ea_access={token}",)
    headers: tuple[str, ...] = ()
    body: bytes = b""
    cut: int | None = None
    """After how many bytes the second part of the body comes."""
    hangs_up: bool = False


@dataclass
class Both:
    straight: FastAPI
    plain: FastAPI
    names: dict[str, str]

    async def ask(self, ask: Ask) -> dict[str, Any]:
        answers = []
        for name, app in (("a", self.straight), ("b", self.plain)):
            path = ask.path.replace(MINE, self.names[name])
            target = f"{path}?{ask.query}" if ask.query else path
            fields = self._fields((*ask.credentials, *ask.headers), app=name)
            answers.append(await called(app, ask.method, target, fields, _messages(ask)))
        assert _alike(answers[0]) == _alike(answers[1]), ask
        return answers[0]

    def _fields(self, lines: Sequence[str], **more: str) -> Fields:
        pairs = [line.split(": ", 1) for line in lines]
        names = self.names | more
        return [(name.encode(), value.format_map(names).encode()) for name, value in pairs]


def _messages(ask: Ask) -> list[Message]:
    cut = len(ask.body) if ask.cut is None else ask.cut
    first = {"type": "http.request", "body": ask.body[:cut], "more_body": True}
    rest = {"type": "http.request", "body": ask.body[cut:], "more_body": False}
    return [first, GONE if ask.hangs_up else rest]


def _alike(answer: dict[str, Any]) -> dict[str, Any]:
    headers = [(name, MADE.sub(b"*", value)) for name, value in answer["headers"]]
    return answer | {"headers": headers, "body": MADE.sub(b"*", answer["body"])}


@pytest.fixture
async def both(settings: Settings, signing_key: SigningKey) -> AsyncIterator[Both]:
    """Without the lane, which would answer before."""
    async with AsyncExitStack() as stack:
        straight, plain = [await stack.enter_async_context(running(settings)) for _ in range(2)]
        for app, without in ((straight, (Lane,)), (plain, (Lane, Straight))):
            left_out: tuple[object, ...] = without
            app.user_middleware = [each for each in app.user_middleware if each.cls not in left_out]
        database = plain.state.resources.database
        rows = [expense(category="food") for _ in range(3)]
        await record(database, ADA, *rows)
        names = {
            "a": str(rows[0].id),
            "b": str(rows[1].id),
            "token": signing_key.token(access_claims(ADA)),
            "reader": signing_key.token(access_claims(ADA, scope="expenses:read")),
            "old": signing_key.token(access_claims(ADA, iat=1000, exp=1300, auth_time=1000)),
        }
        yield Both(straight, plain, names)


CREDENTIALS = [
    ("cookie: ea_access={token}",),
    ("authorization: Bearer {token}",),
    ("cookie: ea_access={reader}",),
    ("cookie: ea_access={old}",),
    ("cookie: ea_access=x",),
    ("cookie: ea_access={token}; ea_access={token}",),
    ("cookie: ea_access={token}", "authorization: Bearer {token}"),
    (),
]
HEADERS = [
    ("content-type: application/json",),
    ("content-type: application/json; charset=utf-8", "idempotency-key: {app}1"),
    ("content-type: application/x-ndjson",),
    ("content-type: text/csv",),
    ("content-type: text/plain",),
    ("content-type: application/merge-patch+json",),
    ("content-type: application/json", "content-encoding: gzip"),
    ("content-type: application/json", "content-length: 99999999999"),
    ("content-type: application/json", "content-length: x"),
    ("content-type: application/json", "idempotency-key: "),
    ("content-type: application/json", "sec-fetch-site: cross-site"),
    ("content-type: application/json", "origin: https://elsewhere.example"),
    ("if-none-match: *",),
    ('if-match: "1"',),
    (),
]
QUERIES = [
    "", "limit=2", "limit=0", "limit=2&limit=2", "limt=2", "sort=amount", "cursor=x", "q=lunch",
    "sort=amount&currency=EUR", "category=food,travel&include=total", "group_by=category",
    "group_by=x", "since=0", "since=99", "confirm=everything", "confirm=x", "format=csv",
    "format=ndjson", "mode=partial&dry_run=true", "%ff=%ff", "&&==",
]  # fmt: skip
BODIES = [
    json.dumps(DRAFT).encode(),
    json.dumps(DRAFT | {"category": "none"}).encode(),
    json.dumps(DRAFT | {"amount": "0", "curency": "EUR"}).encode(),
    json.dumps({"operations": [{"op": "create", "expense": DRAFT}]}).encode(),
    json.dumps({"operations": [{"op": "delete", "id": "x"}]}).encode(),
    json.dumps({"name": "Food"}).encode(),
    json.dumps({"notes": None}).encode(),
    b"amount,currency,description\n1.00,EUR,Tea\n",
    b"amount,currency\n1.00,EUR\n",
    b'{"amount":1,"amount":2}', b"{", b"\xff", b"[]", b"", b"[" * 10_000, b" " * (1024 * 1024 + 1),
]  # fmt: skip


OTHER_IDS = ["01900000-0000-7000-8000-000000000000", "01900000", "0190000000007000800000000000000g"]


def asks(planned: Sequence[tuple[str, str]]) -> st.SearchStrategy[Ask]:
    """Mostly as somebody who may, so that what comes after is reached as well."""
    return st.builds(
        Ask,
        st.just(""),
        st.just(""),
        st.sampled_from(QUERIES),
        st.sampled_from([*CREDENTIALS[:2] * 4, *CREDENTIALS]),
        st.sampled_from([*HEADERS[:2] * 3, *HEADERS]),
        st.sampled_from(BODIES),
        st.none() | st.integers(0, 12),
        st.sampled_from([False] * 9 + [True]),
    ).flatmap(
        lambda ask: st.sampled_from(planned).map(lambda it: replace(ask, method=it[0], path=it[1]))
    )


PLANNED = [
    ("GET", PATH), ("POST", PATH), ("DELETE", PATH), ("GET", f"{PATH}/summary"),
    ("GET", f"{PATH}/export"), ("GET", f"{PATH}/archive"), ("POST", f"{PATH}/import"),
    ("POST", f"{PATH}/bulk"), ("GET", f"{PATH}/docs"), ("GET", f"{PATH}/openapi.json"),
    ("GET", "/docs"), ("GET", "/livez"), ("GET", "/readyz"), ("GET", "/api/v1/currencies"),
    ("GET", "/api/v1/changes"), ("GET", "/api/v1/categories"), ("POST", "/api/v1/categories"),
]  # fmt: skip
ONE = f"{PATH}/{MINE}"
WITH_ID = [
    ("GET", ONE), ("PATCH", ONE), ("DELETE", ONE), ("POST", f"{ONE}/restore"),
    ("GET", f"{ONE}/history"),
]  # fmt: skip
"""Each route that takes no text in its path; every other goes by the framework alone."""


def test_every_route_without_a_text_in_its_path_has_a_plan(app: FastAPI) -> None:
    plans = Plans()
    plans.add(app.routes)
    assert sorted(plans.fixed) == sorted([*PLANNED, ("GET", NEVER_ALIKE)])
    ways = [
        (method, way.plan.route.path)
        for method, ways in plans.ways.items()
        for way in ways
        if way.plan is not None
    ]
    assert sorted(ways) == sorted(WITH_ID)


@hypothesis(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(asks([*PLANNED, *WITH_ID]), min_size=10, max_size=20))
async def test_straight_and_framework_answer_alike(both: Both, steps: list[Ask]) -> None:
    before = counted(both.straight), counted(both.plain)
    for step in steps:
        await both.ask(step)
    assert counted(both.straight) - before[0] == counted(both.plain) - before[1]


@pytest.mark.parametrize(("method", "path"), [*PLANNED, *WITH_ID])
async def test_every_kind_of_request_of_every_route(both: Both, method: str, path: str) -> None:
    good = Ask(method, path, headers=HEADERS[0], body=BODIES[0])
    answers = [
        await both.ask(ask)
        for ask in (
            good,
            *(replace(good, credentials=each) for each in CREDENTIALS),
            *(replace(good, headers=each) for each in HEADERS),
            *(replace(good, query=each) for each in QUERIES),
            *(replace(good, body=each) for each in BODIES),
            *(replace(good, method=each) for each in ("HEAD", "OPTIONS", "PUT")),
            replace(good, cut=3),
            replace(good, hangs_up=True),
            *(replace(good, path=path.replace(MINE, each)) for each in OTHER_IDS),
        )
    ]
    assert 413 in {answer["status"] for answer in answers}
    assert path.replace(":uuid", "") in {answer["route"] for answer in answers}
