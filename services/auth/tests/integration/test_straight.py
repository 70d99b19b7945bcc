"""The straight way answers as the framework: two applications on one database, one without it.

Every route that has a plan is asked, as everybody and with all kinds of headers and bodies, also
while the line of passwords is full. Status, headers, body, and what the log and the metrics are
told have to be the same, ids, addresses, instants and secrets aside.
"""

import asyncio
import itertools
import json
import re
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest

from auth_service.plans import plans
from auth_service.settings import Settings
from auth_service.straight import Straight
from tests.actors import AUTH, PASSWORD, client_of, sign_in, started

NEVER_ALIKE = {"/metrics", f"{AUTH}/docs"}  # what each has done; a page without headers of its own
MADE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"
    r"|[a-z]+@[a-z.]+|(?<=[=\"])[\w-]{15,}(\.[\w-]+)*|Max-Age=[0-9]+|[0-9a-f]{32}|[\w.-]{60,}"
)
JSON = {"Content-Type": "application/json"}
HEADERS: list[Mapping[str, str]] = [
    JSON,
    {"Content-Type": "text/plain"},
    JSON | {"Sec-Fetch-Site": "cross-site"},
    JSON | {"Content-Length": "99999999"},
    {"If-None-Match": "*"},
    JSON | {"If-Match": '"stale"'},
    {},
]
WHO = ["nobody", "cookies", "bearer", "twice", "stranger"]


@dataclass
class Side:
    """One of the two, and who asks it."""

    app: FastAPI
    name: str
    capsys: pytest.CaptureFixture[str]

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    async def headers_of(self, who: str) -> Mapping[str, str]:
        """Of a session of its own, so that it does not matter what ended the last one."""
        if who in {"nobody", "stranger"}:
            return {"Cookie": "ea_access=x; ea_refresh=x"} if who == "stranger" else {}
        async with client_of(self.app) as client:
            form = {"email": self.email, "password": PASSWORD}
            if (await client.post(f"{AUTH}/login", json=form)).status_code != 200:
                await sign_in(client, self.email)
            jar = {cookie.name: cookie.value for cookie in client.cookies.jar}
        both = "; ".join(f"{name}={value}" for name, value in jar.items())
        access = jar["ea_access"]
        given = {"cookies": {"Cookie": both}, "bearer": {"Authorization": f"Bearer {access}"}}
        return given.get(who) or {"Cookie": f"{both}; ea_access={access}; ea_refresh=x"}

    async def ask(self, method: str, path: str, who: str, **request: object) -> list[object]:
        """What it answers and tells."""
        headers = {**await self.headers_of(who), **_mapping(request.pop("headers"))}
        before = counted(self.app)
        self.said()
        async with client_of(self.app) as client:
            built = client.build_request(method, path, headers=headers, **request)  # type: ignore[arg-type]  # of httpx
            answer = await client.send(built)
        after = counted(self.app)
        told = [alike(json.loads(line)) for line in self.said().splitlines()]
        return [*_shown(answer), told, {key: after[key] - before.get(key, 0) for key in after}]

    def said(self) -> str:
        """What the log has told since the last time."""
        self.app.state.requests.flush()
        return self.capsys.readouterr().out


def _mapping(value: object) -> Mapping[str, str]:
    assert isinstance(value, Mapping)
    return value


def _shown(answer: httpx.Response) -> list[object]:
    headers = [(name, MADE.sub("*", value)) for name, value in answer.headers.multi_items()]
    return [answer.status_code, headers, MADE.sub("*", answer.text)]


def alike(line: Mapping[str, object]) -> dict[str, object]:
    """A line of the log without what differs from request to request."""
    apart = {"duration_ms": 0, "user_id": line.get("user_id") and "*"}
    apart |= {"session_id": line.get("session_id") and "*"}
    return {k: MADE.sub("*", v) if isinstance(v, str) else v for k, v in {**line, **apart}.items()}


def counted(app: FastAPI) -> dict[str, float]:
    """How many requests of which kind there were."""
    text = generate_latest(app.state.metrics.registry).decode()
    lines = [line for line in text.splitlines() if line.startswith("http_requests_total")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


@pytest.fixture
async def sides(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[tuple[Side, Side]]:
    left_out: tuple[object, ...] = (Straight,)
    async with AsyncExitStack() as stack:
        given = [await stack.enter_async_context(started(settings)) for _ in range(2)]
        straight, plain = given
        plain.user_middleware = [each for each in plain.user_middleware if each.cls not in left_out]
        plain.middleware_stack = plain.build_middleware_stack()
        yield Side(straight, "ada", capsys), Side(plain, "bob", capsys)


def bodies(side: Side) -> list[bytes]:
    forms: list[object] = [
        {"email": side.email, "password": PASSWORD},
        {"email": "nobody@example.com", "password": "wrong horse battery"},
        {"current_password": "wrong", "new_password": "a walk in the park, 1987"},
        {"name": "Somebody", "time_zone": "Europe/Paris"},
        {"name": "Report", "scopes": ["expenses:read"]},
        {"nmae": 1},
    ]
    return [*(json.dumps(form).encode() for form in forms), b"{", b"\xff", b""]


async def same(sides: tuple[Side, Side], method: str, path: str, who: str, case: int) -> int:
    """The status that both have answered with."""
    answers = []
    for side in sides:
        sent = bodies(side)[case % len(bodies(side))] if method != "GET" else b""
        headers = HEADERS[case % len(HEADERS)]
        url = f"{path}?x=1" if case % 5 == 4 else path
        answers.append(await side.ask(method, url, who, content=sent, headers=headers))
    assert answers[0] == answers[1], (method, path, who, case)
    status = answers[0][0]
    assert isinstance(status, int)
    return status


async def test_every_planned_route_answers_as_the_framework(sides: tuple[Side, Side]) -> None:
    planned = [key for key in plans(sides[0].app.routes) if key[1] not in NEVER_ALIKE]
    assert {("POST", f"{AUTH}/login"), ("GET", f"{AUTH}/me")} <= {*planned}
    seen = set()
    case = itertools.count()
    for (method, path), who in itertools.product(planned, WHO):
        for _ in range(1 if method == "GET" else 2):
            seen.add(await same(sides, method, path, who, next(case)))
    assert {200, 304, 400, 401, 403, 413, 415, 422} <= seen


@pytest.mark.parametrize("path", [f"{AUTH}/login", f"{AUTH}/register"])
async def test_who_finds_the_line_full_is_refused_alike(
    sides: tuple[Side, Side], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of fourteen is held for a moment: the line must not run out of patience before them."""
    monkeypatch.setattr("auth_service.accounts.passwords.WAIT_SECONDS", 60.0)
    gate = threading.Event()
    at_work = []
    for side in sides:
        passwords = side.app.state.resources.passwords
        crowd = range(passwords.room)  # from where the next come too
        at_work += [asyncio.create_task(passwords.run(gate.wait, "127.0.0.1")) for _ in crowd]
    await asyncio.sleep(0)
    try:
        seen = {await same(sides, "POST", path, "nobody", case) for case in range(7)}
    finally:
        gate.set()
    await asyncio.gather(*at_work)
    assert seen == {403, 413, 503}
