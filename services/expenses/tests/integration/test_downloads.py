"""Exports and archives as a load on the service: how many at a time, and what is left to others."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from expenses_service import wire
from expenses_service.app import create_app
from expenses_service.changes.repository import data_version
from expenses_service.downloads.asking import ask
from expenses_service.downloads.errors import TransferCut
from expenses_service.downloads.places import AT_WORK, OPEN, OPEN_EACH, Downloads
from expenses_service.errors import Unavailable
from expenses_service.settings import Settings
from tests.expense_calls import ADA, DRAFT, PATH, made
from tests.integration.test_process import served
from tests.records import flood
from tests.tokens import SigningKey, access_claims, user_id
from tests.waiting import until

EXPORT = f"{PATH}/export?format=csv"
BOB = user_id(2)
CROWD = 10
"""Users beside ADA with two exports each."""
ROWS, NOTES = 600, "🥨" * 2000  # 5 MB; the sockets on the way hold less


def asking(netloc: str, path: str, token: str) -> HTTPConnection:
    """Has asked, and reads nothing by itself."""
    connection = HTTPConnection(netloc, timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    return connection


def unread(asked: ExitStack, netloc: str, tokens: list[str]) -> list[HTTPResponse]:
    """Asked for all at the same time, and open as long as `asked`; the heads are read."""
    connections = [asking(netloc, EXPORT, token) for token in tokens]
    for connection in connections:
        asked.callback(connection.close)
    return [asked.enter_context(connection.getresponse()) for connection in connections]


async def test_exports_that_nobody_reads_leave_the_others_their_way(
    settings: Settings, urls: dict[str, str], signing_key: SigningKey
) -> None:
    def token(user: UUID) -> str:
        return signing_key.token(access_claims(user))

    crowd = [user_id(number) for number in range(10, 10 + CROWD)]
    for user in (ADA, *crowd):
        await flood(urls["owner"], user, ROWS, NOTES)
    await flood(urls["owner"], BOB, ROWS)
    tokens = [token(ADA)] * 2 * CROWD + [token(user) for user in crowd] * 2
    # Of a log that nobody reads, a pipe takes 64 KiB.
    with served(settings, EXPENSES_LOG_LEVEL="warning") as (_, url):
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            client.headers["Authorization"] = f"Bearer {token(BOB)}"
            others = asyncio.create_task(used(client, 20))
            with ExitStack() as asked:
                answers = await asyncio.to_thread(unread, asked, urlsplit(url).netloc, tokens)
                await others
                begun = [answer.status for answer in answers].count(200)
                assert AT_WORK <= begun <= OPEN_EACH + 2 * CROWD  # fewer where turns come late
                for answer in answers:
                    assert answer.status == 200 or is_refusal(answer)
                await used(client, 5)
                assert (await exported(client)).count("Lunch") >= ROWS
            client.headers["Authorization"] = f"Bearer {token(ADA)}"
            assert (await exported(client)).count("Lunch") == ROWS


def is_refusal(answer: HTTPResponse) -> bool:
    told = (answer.status, json.loads(answer.read())["code"], answer.headers["retry-after"])
    return told == (503, "unavailable", "10")


async def used(client: httpx.AsyncClient, rounds: int) -> None:
    """Reads, writes and probes, each of which is answered well."""
    for number in range(rounds):
        answers = [
            await client.get(PATH, params={"limit": 1 + number}),
            await client.post(PATH, json=DRAFT),
            await client.get(f"{PATH}/summary?group_by=category"),
            await client.get("/readyz"),
        ]
        assert [answer.status_code for answer in answers] == [200, 201, 200, 200]


async def exported(client: httpx.AsyncClient) -> str:
    """A whole file, once there is a place and a turn for it."""
    async with asyncio.timeout(20):
        while (answer := await client.get(EXPORT)).status_code == 503:  # noqa: ASYNC110 - no event tells this
            await asyncio.sleep(0.05)
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("path", [EXPORT, f"{PATH}/archive"])
async def test_a_user_has_eight_at_a_time(
    app: FastAPI, ada: httpx.AsyncClient, bob: httpx.AsyncClient, path: str
) -> None:
    downloads: Downloads = app.state.resources.downloads
    with ExitStack() as taken:
        for _ in range(OPEN_EACH - 1):
            taken.enter_context(downloads.place(ADA))
        assert (await ada.get(path)).status_code == 200
        with downloads.place(ADA):
            await refused(ada, path)
            assert (await bob.get(path)).status_code == 200
        assert (await ada.get(path)).status_code == 200


async def refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "10"


async def test_all_have_a_limit_too(app: FastAPI, ada: httpx.AsyncClient) -> None:
    downloads: Downloads = app.state.resources.downloads
    with ExitStack() as taken:
        for number in range(OPEN - 1):
            taken.enter_context(downloads.place(user_id(100 + number)))
        assert (await ada.get(EXPORT)).status_code == 200
        taken.enter_context(downloads.place(BOB))
        await refused(ada, EXPORT)
    assert downloads.open == 0


@pytest.mark.parametrize("path", [EXPORT, f"{PATH}/archive"])
async def test_however_one_ends_its_place_is_free_again(
    app: FastAPI, ada: httpx.AsyncClient, path: str
) -> None:
    downloads: Downloads = app.state.resources.downloads
    await made(ada)
    answer = await ada.get(path)
    assert (answer.status_code, downloads.open) == (200, 0)
    same = await ada.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, downloads.open) == (304, 0)
    assert (await ada.head(path)).status_code == 200
    assert downloads.open == 0
    async with all_at_work(downloads):
        await refused(ada, path)
    assert downloads.open == 0
    async with downloads.turn(0):
        assert (await ada.get(path)).status_code == 200


@asynccontextmanager
async def all_at_work(downloads: Downloads) -> AsyncIterator[None]:
    async with AsyncExitStack() as taken:
        for _ in range(AT_WORK):
            await taken.enter_async_context(downloads.turn(0.1))
        yield


async def test_one_that_has_begun_is_cut_when_its_turn_never_comes(
    app: FastAPI, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads: Downloads = app.state.resources.downloads
    monkeypatch.setattr("expenses_service.downloads.asking.PATIENCE_SECONDS", 0.1)
    async with all_at_work(downloads):
        with pytest.raises(TransferCut) as cut:
            await ask(app.state.resources, partial(data_version, user_id=ADA))
    assert isinstance(cut.value.__cause__, Unavailable)
    await made(ada)
    assert (await ada.get(EXPORT)).status_code == 200


async def test_a_reader_that_takes_nothing_any_more_is_cut_off(
    settings: Settings,
    urls: dict[str, str],
    signing_key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "STALLED_SECONDS", 0.5)
    await flood(urls["owner"], ADA, ROWS, NOTES)
    app = create_app(settings)
    config = uvicorn.Config(app, port=0, http=wire.Protocol, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started, 20)
    downloads: Downloads = app.state.resources.downloads
    host, port = server.servers[0].sockets[0].getsockname()
    token = signing_key.token(access_claims(ADA))
    await until(app.state.resources.keys.ready, 20)
    connection = await asyncio.to_thread(asking, f"{host}:{port}", EXPORT, token)
    await until(lambda: downloads.open == 1, 20)
    await until(lambda: downloads.open == 0, 20)
    connection.close()
    server.should_exit = True
    await task
