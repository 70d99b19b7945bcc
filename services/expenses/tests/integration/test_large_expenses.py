"""Expenses as large as they may be: what is read of them at once, and that nothing is left out."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from expenses_service.changes import repository, service
from expenses_service.changes.rules import PAGE_BYTES
from expenses_service.database import Database
from expenses_service.downloads.errors import TransferCut
from expenses_service.downloads.models import Download
from expenses_service.downloads.places import OPEN_EACH, Downloads
from expenses_service.settings import Settings
from expenses_service.transfer import archive
from expenses_service.transfer import repository as images
from tests import postgres
from tests.expense_calls import ADA, DRAFT, PATH, made, url
from tests.integration.test_process import served
from tests.records import flood
from tests.tokens import SigningKey, access_claims

FEED = "/api/v1/changes"
ARCHIVE = f"{PATH}/archive"
EXPORT = f"{PATH}/export?format=ndjson"
MANY = 300
"""Expenses, and versions of one of them beside its first."""
LARGEST: dict[str, object] = {
    "description": "🥨" * 200,
    "merchant": "🥨" * 120,
    "notes": "🥨" * 2000,
    "metadata": {f"{n:🥨>40}": "🥨" * 500 for n in range(50)},
}
GROW = "UPDATE change_log SET snapshot = snapshot || $1::jsonb"
VERSIONS = """
INSERT INTO change_log (user_id, seq, expense_id, action, version, at, snapshot)
SELECT user_id, $1 + n, expense_id, 'updated', 1 + n, at,
  snapshot || jsonb_build_object('version', 1 + n)
FROM change_log, generate_series(1, $1::integer) AS n WHERE seq = 1
RETURNING expense_id
"""


@pytest.fixture
async def one(urls: dict[str, str]) -> UUID:
    """There are MANY of the largest; the one with as many versions more."""
    await flood(urls["owner"], ADA, MANY)
    connection = await asyncpg.connect(urls["owner"])
    try:
        await connection.execute(GROW, json.dumps(LARGEST))
        await connection.execute("UPDATE user_state SET seq = seq + $1", MANY)
        return UUID(str(await connection.fetchval(VERSIONS, MANY)))
    finally:
        await connection.close()


@pytest.fixture
def process(settings: Settings) -> Iterator[tuple[int, str]]:
    with served(settings) as (process, url):
        yield process.pid, url


def peak(pid: int) -> int:
    """The most memory that the process ever had, in KiB (proc(5))."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0])


async def test_all_of_them_take_little_memory(
    one: UUID, process: tuple[int, str], signing_key: SigningKey
) -> None:
    pid, address = process
    headers = {"Authorization": f"Bearer {signing_key.token(access_claims(ADA))}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        assert (await client.post(PATH, json=DRAFT | LARGEST)).status_code == 201
        before = peak(pid)
        assert [each async for each in fed(client)] == list(range(1, 2 * MANY + 2))
        history = (await client.get(f"{PATH}/{one}/history")).json()["items"]
        assert [each["version"] for each in history] == list(range(1, MANY + 2))
        exported = (await client.get(EXPORT)).content
        assert len(set(exported.splitlines())) == MANY + 1
        archived = (await client.get(ARCHIVE)).content.splitlines()
        assert len(archived) == 1 + (MANY + 1) + (2 * MANY + 1) + 1
    assert len(exported) > 30_000_000
    assert peak(pid) - before < 40_000


async def fed(client: httpx.AsyncClient) -> AsyncIterator[int]:
    """The numbers of all changes; no page has much more than a page may have."""
    since, more = 0, True
    while more:
        answer = await client.get(FEED, params={"since": since, "limit": 1000})
        assert len(answer.content) < PAGE_BYTES + 200_000
        page = answer.json()
        for each in page["items"]:
            yield each["seq"]
        since, more = page["next_since"], page["has_more"]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time: a part has room for the first byte of a snapshot."""
    for module, name in (
        (repository, "PART_BYTES"),
        (images, "PART_BYTES"),
        (archive, "PART_BYTES"),
        (service, "PAGE_BYTES"),
    ):
        assert name in vars(module)
        monkeypatch.setattr(module, name, 1)


async def everything(client: httpx.AsyncClient, expense: dict[str, Any]) -> list[object]:
    answers = [await client.get(path) for path in (f"{url(expense)}/history", EXPORT, ARCHIVE)]
    assert [answer.status_code for answer in answers] == [200] * 3
    tags = [answer.headers["etag"] for answer in answers]
    kept = [answer.headers["cache-control"] for answer in answers]
    return [answers[0].json(), *(answer.text for answer in answers[1:]), tags, kept]


async def test_in_parts_it_is_the_same(
    ada: httpx.AsyncClient, request: pytest.FixtureRequest
) -> None:
    first = await made(ada)
    for number in range(3):
        await made(ada, notes=f"{number}")
        await ada.patch(url(first), json={"notes": f"{number}"})
    whole = await everything(ada, first)
    changes = (await ada.get(FEED)).json()["items"]
    request.getfixturevalue("narrow")
    assert await everything(ada, first) == whole
    for since, item in enumerate(changes):
        page = (await ada.get(FEED, params={"since": since})).json()
        wanted = {"items": [item], "next_since": since + 1, "has_more": since + 1 < len(changes)}
        assert page == wanted


@pytest.mark.usefixtures("narrow")
async def test_a_long_history_is_a_download(app: FastAPI, ada: httpx.AsyncClient) -> None:
    expense = await made(ada)
    await ada.patch(url(expense), json={"notes": "x"})
    path = f"{url(expense)}/history"
    answer = await ada.get(path)
    assert (answer.headers["content-type"], "content-length" in answer.headers) == (
        "application/json", False,
    )  # fmt: skip
    assert "content-disposition" not in answer.headers
    same = await ada.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert (await ada.head(path)).headers["etag"] == answer.headers["etag"]
    downloads: Downloads = app.state.resources.downloads
    assert downloads.open == 0
    with ExitStack() as taken:
        for _ in range(OPEN_EACH):
            taken.enter_context(downloads.place(ADA))
        refused = await ada.get(path)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
        short = await made(ada)
        assert (await ada.get(f"{url(short)}/history")).status_code == 200


async def test_what_has_room_and_what_has_not(ada: httpx.AsyncClient, database: Database) -> None:
    for _ in range(3):
        await made(ada)
    async with database.transaction() as connection:
        sizes = "SELECT octet_length(snapshot::text) FROM change_log ORDER BY seq"
        first, second, _ = (await connection.execute(text(sizes))).scalars()
        for most, found in ((1, 1), (first, 1), (first + 1, 2), (first + second, 2)):
            page = await repository.changes_after(connection, ADA, 0, 1000, most)
            assert len(page.entries) == found
        page = await repository.changes_after(connection, ADA, 0, 1000, first + second + 1)
        assert len(page.entries) == 3


@pytest.mark.usefixtures("narrow")
async def test_what_is_erased_meanwhile_cuts_a_history(
    app: FastAPI, ada: httpx.AsyncClient, urls: dict[str, str]
) -> None:
    expense = await made(ada)
    await ada.patch(url(expense), json={"notes": "x"})
    resources = app.state.resources
    found = await service.history(resources, ADA, UUID(expense["id"]), lambda _: False)
    assert isinstance(found, Download)
    assert found.chunks is not None
    with found.open:
        assert b'"version":1' in await anext(found.chunks)
        await postgres.execute(urls["owner"], "DELETE FROM change_log")
        with pytest.raises(TransferCut):
            await anext(found.chunks)
    assert resources.downloads.open == 0


@pytest.mark.parametrize("more", [0, 1])
async def test_so_many_versions_go_out_at_once(
    ada: httpx.AsyncClient, urls: dict[str, str], more: int
) -> None:
    await flood(urls["owner"], ADA, 1)
    connection = await asyncpg.connect(urls["owner"])
    try:
        one = await connection.fetchval(VERSIONS, repository.VERSIONS_AT_ONCE - 1 + more)
    finally:
        await connection.close()
    answer = await ada.get(f"{PATH}/{one}/history")
    versions = [each["version"] for each in answer.json()["items"]]
    assert versions == list(range(1, repository.VERSIONS_AT_ONCE + more + 1))
    assert ("content-length" in answer.headers) == (not more)
