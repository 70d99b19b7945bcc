"""Lists that are carried forward: their bytes are those of lists that are read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import httpx
import pytest
from fastapi import FastAPI

from expenses_service.cache.memory import Memory
from expenses_service.changes.latest import MOST
from expenses_service.expenses.filters import Filters
from expenses_service.settings import Settings
from tests.bulk_calls import bulk, create, delete, update
from tests.conftest import client_of, running
from tests.expense_calls import DRAFT, MERGE_PATCH, PATH, made, url
from tests.tokens import SigningKey, access_claims, user_id
from tests.transfers import imported

WHOLE = [PATH, f"{PATH}?sort=spent_on", f"{PATH}?limit=200&sort=-created_at"]
FIRST_PAGES = [
    f"{PATH}?limit=2", f"{PATH}?sort=-created_at&limit=3", f"{PATH}?sort=created_at&limit=2",
]  # fmt: skip
FILTERS = {
    "from": "1900-01-01", "to": "2999-12-31", "category": "other", "tag": "a", "tag_mode": "all",
    "currency": "EUR", "kind": "expense", "merchant": "M", "payment_method": "card",
    "min_amount": "1&currency=EUR", "max_amount": "99&currency=EUR", "q": "lunch",
    "updated_since": "2026-01-01T00:00:00Z",
}  # fmt: skip
OTHERS = [
    *(f"{PATH}?{name}={value}" for name, value in FILTERS.items()),
    f"{PATH}?include=total", f"{PATH}?currency=EUR&sort=-amount", f"{PATH}/summary?group_by=kind",
]  # fmt: skip


@dataclass
class Two:
    """A user's clients of two applications: one remembers what it answered, one does not."""

    app: FastAPI
    fast: httpx.AsyncClient
    plain_app: FastAPI
    plain: httpx.AsyncClient

    @property
    def carried(self) -> int:
        count: int = self.app.state.resources.cache.replies["carried"]
        return count

    async def compared(self, *paths: str) -> int:
        """How many of the lists were carried forward; all are as they are without a memory."""
        before = self.carried
        for path in paths:
            held = self.plain_app.state.resources
            self.plain_app.state.resources = replace(held, memory=Memory())
            fast, plain = await self.fast.get(path), await self.plain.get(path)
            assert fast.status_code == plain.status_code == 200
            assert fast.content == plain.content
            for name in ("etag", "link", "cache-control", "vary"):
                assert fast.headers.get(name) == plain.headers.get(name), name
        return self.carried - before


@pytest.fixture
async def two(settings: Settings, signing_key: SigningKey) -> AsyncIterator[Two]:
    token = signing_key.token(access_claims(user_id(1)))
    uncached = settings.model_copy(update={"cache_url": None})
    async with AsyncExitStack() as stack:
        apps = [await stack.enter_async_context(running(each)) for each in (settings, uncached)]
        fast, plain = [await stack.enter_async_context(client_of(app, token)) for app in apps]
        yield Two(apps[0], fast, apps[1], plain)


async def test_every_way_to_write(two: Two) -> None:
    """By another process, so nothing of it is known where it is read."""
    ada = two.plain
    one = await made(ada, spent_on="2026-05-02", metadata={"b": "1", "a": "2"})
    for day in ("2026-05-03", "2026-05-04", "2026-05-05"):
        await made(ada, spent_on=day, category="food")
    named: list[str] = []

    async def name_one(**fields: object) -> None:
        named.append((await made(ada, **fields))["id"])

    writes: list[Callable[[], Awaitable[object]]] = [
        lambda: made(ada, spent_on="2026-05-05", merchant="é\u2028"),
        lambda: made(ada, spent_on="2026-05-02", currency="KWD", amount="1.250", kind="refund"),
        lambda: name_one(spent_on="2026-04-01", source="bank", external_id="7"),
        lambda: ada.put(f"{PATH}/by-external/bank/7", json=DRAFT | {"amount": "9"}),
        lambda: ada.patch(url(one), json={"amount": "3"}, headers=MERGE_PATCH),
        lambda: ada.patch(url(one), json={"spent_on": "2026-06-01"}, headers=MERGE_PATCH),
        lambda: ada.delete(url(one)),
        lambda: ada.post(f"{url(one)}/restore"),
        lambda: bulk(ada, create(), update(one, notes="n"), create(spent_on="2026-04-02")),
        lambda: bulk(ada, update(one, notes="m"), delete(one)),
        lambda: imported(ada, "amount,currency,description\n1,EUR,a\n2,EUR,b\n"),
        lambda: bulk(ada, {"op": "delete", "id": named[0]}),
        lambda: ada.put(f"{PATH}/by-external/bank/7?revive=true", json=DRAFT | {"amount": "8"}),
        lambda: imported(ada, "source,external_id,amount,currency,description\nbank,7,5,EUR,c\n"),
        lambda: ada.delete("/api/v1/categories/food?move_to=travel"),
    ]
    assert await two.compared(*WHOLE, *FIRST_PAGES) == 0
    of_first_pages = 0
    for number, write in enumerate(writes):
        await write()
        assert await two.compared(*WHOLE) == len(WHOLE), number
        of_first_pages += await two.compared(*FIRST_PAGES)
        assert await two.compared(*WHOLE, *FIRST_PAGES) == 0
    assert len(writes) <= of_first_pages < len(writes) * len(FIRST_PAGES)


async def test_a_list_that_leaves_some_out_is_read(two: Two) -> None:
    assert set(FILTERS) == {field.alias or name for name, field in Filters.model_fields.items()}
    await made(two.fast)
    await two.compared(*OTHERS)
    await made(two.fast)
    assert await two.compared(*OTHERS) == 0


async def test_the_page_after_the_first_is_read(two: Two) -> None:
    for _ in range(3):
        await made(two.fast)
    cursor = (await two.fast.get(f"{PATH}?limit=1")).json()["next_cursor"]
    second = f"{PATH}?limit=1&cursor={cursor}"
    await two.compared(second)
    await made(two.fast, spent_on="2026-05-01")
    assert await two.compared(second) == 0


async def test_the_last_page_says_so(two: Two) -> None:
    """What was on the page after it is gone."""
    oldest, *_ = [await made(two.fast, spent_on=f"2026-05-0{day}") for day in (1, 2, 3)]
    path = f"{PATH}?limit=2"
    await two.compared(path)
    await two.plain.delete(url(oldest))
    assert await two.compared(path) == 0
    assert (await two.fast.get(path)).json()["next_cursor"] is None


async def test_so_many_changes_and_not_one_more(two: Two) -> None:
    for more in (0, 1):
        await two.compared(PATH)
        for _ in range(MOST + more):
            await made(two.fast)
        assert await two.compared(PATH) == 1 - more


async def test_who_has_the_present_one_is_told_so(two: Two) -> None:
    await two.compared(PATH)
    await made(two.fast)
    tag = (await two.plain.get(PATH)).headers["etag"]
    answer = await two.fast.get(PATH, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, tag, b"")
    for known in (0, 1):  # at first the bytes have to be got
        await made(two.fast)
        assert await two.compared(PATH) == known


async def test_an_erasure_leaves_nothing(two: Two) -> None:
    await made(two.fast)
    await two.compared(*WHOLE)
    assert (await two.plain.delete(f"{PATH}?confirm=everything")).status_code == 204
    assert await two.compared(*WHOLE) == 0
    assert (await two.fast.get(PATH)).json()["items"] == []
    await made(two.plain)
    assert await two.compared(*WHOLE) == len(WHOLE)
