"""Many at once end as one by one: in every answer, every version, every sum, for any operations.

Two users begin alike. The operations of the one go by single calls, those of the other by one bulk
request; a third asks for all or nothing.
"""

from datetime import UTC, datetime
from typing import Any

import httpx
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from expenses_service.expenses.rules import new_id
from tests.bulk_calls import BULK, bulk, create, delete, update
from tests.conftest import client_of
from tests.expense_calls import PATH, url
from tests.tokens import SigningKey, access_claims

FIRST: list[dict[str, Any]] = [
    {},
    {"source": "bank", "external_id": "0", "metadata": {"a": "1"}},
    {"source": "card", "external_id": "1", "category": "food"},
]
STRANGER = len(FIRST)
MOVING = ("id", "created_at", "updated_at", "deleted_at", "at", "instance", "request_id")

# Most fields are good, so that most operations fail by what the others did, if they fail.
amounts = st.sampled_from(["1", "2.50", 3, "4", "5.0", "0", "1.005"])
categories = st.none() | st.sampled_from(["food", "travel", "food", "travel", "work", "nothing"])
common = {
    "notes": st.none() | st.sampled_from(["a", "b", "c", "d", ""]),
    "category": categories,
    "tags": st.none() | st.lists(st.sampled_from(["x", "y"]), max_size=2),
    "metadata": st.none() | st.dictionaries(st.sampled_from("ab"), st.sampled_from("12")),
}
named: list[dict[str, Any]] = [
    {},
    {"source": "bank", "external_id": "0"},
    {"source": "card", "external_id": "1"},
    {"source": "bank", "external_id": "2"},
]
renamed = [
    *named,
    {"source": None, "external_id": None},
    {"external_id": "2"},
    {"source": "bank"},
    {"source": None},
]
currency = st.sampled_from(["EUR", "JPY"])


def with_name(
    fields: st.SearchStrategy[dict[str, Any]], names: list[dict[str, Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda first, second: first | second, fields, st.sampled_from(names))


drafts = with_name(st.fixed_dictionaries({}, optional=common | {"amount": amounts}), named)
patches = with_name(
    st.fixed_dictionaries({}, optional=common)
    | st.fixed_dictionaries({"amount": amounts}, optional=common | {"currency": currency})
    | st.fixed_dictionaries({"currency": currency}),
    renamed,
)
which = st.integers(0, STRANGER)
versions = st.none() | st.none() | st.integers(1, 4)
operations = st.lists(
    st.one_of(
        drafts.map(lambda fields: ("create", 0, None, fields)),
        st.tuples(st.just("update"), which, versions, patches),
        st.tuples(st.just("delete"), which, versions, st.just({})),
    ),
    min_size=1,
    max_size=12,
)
Operation = tuple[str, int, int | None, dict[str, Any]]


def asked(operation: Operation, rows: list[dict[str, Any]]) -> dict[str, Any]:
    op, index, version, fields = operation
    if op == "create":
        return create(**fields)
    row = rows[index]
    return update(row, version, **fields) if op == "update" else delete(row, version)


async def one_by_one(
    client: httpx.AsyncClient, operation: dict[str, Any]
) -> tuple[int, dict[str, Any] | None]:
    """Status and body of the single call."""
    headers = {"If-Match": f'"{operation["version"]}"'} if "version" in operation else {}
    if operation["op"] == "create":
        response = await client.post(PATH, json=operation["expense"])
    elif operation["op"] == "update":
        response = await client.patch(url(operation), json=operation["changes"], headers=headers)
    else:
        response = await client.delete(url(operation), headers=headers)
    return response.status_code, response.json() if response.content else None


async def begun(client: httpx.AsyncClient, stranger: dict[str, Any]) -> list[dict[str, Any]]:
    await client.patch("/api/v1/categories/work", json={"archived": True})
    answer = await bulk(client, *(create(spent_on="2026-05-01", **fields) for fields in FIRST))
    return [*(each["expense"] for each in answer["results"]), stranger]


def still(value: object, ids: dict[str, int]) -> object:
    """`value` without what is never the same, ids by their order of appearance."""
    if isinstance(value, list):
        return [still(each, ids) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {name: still(each, ids) for name, each in value.items() if name not in MOVING}
    if "pointer" in value:
        kept["pointer"] = "/" + "/".join(value["pointer"].split("/")[-1:])
    moving = {"id": ids.setdefault(value["id"], len(ids))} if "id" in value else {}
    return kept | moving | {"is_deleted": value.get("deleted_at") is not None}


async def everything(client: httpx.AsyncClient) -> object:
    """All that can be read: rows, log with every version, sums."""
    changes = (await client.get("/api/v1/changes?limit=1000")).json()
    ids: dict[str, int] = {}
    histories = [await client.get(f"{url(each)}/history") for each in changes["items"]]
    told = [still(changes, ids), *(still(each.json(), ids) for each in histories)]
    live = (await client.get(PATH, params={"limit": 200})).json()["items"]
    told.append(sorted((still(each, ids) for each in live), key=str))
    for key in ("category", "month"):
        sums = await client.get(f"{PATH}/summary", params={"group_by": key})
        told.append(still(sums.json(), ids))
    return told


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=operations)
@example(
    script=[
        ("update", 1, None, {"external_id": "2"}),
        ("update", 2, 1, {"source": "bank", "external_id": "0"}),
        ("create", 0, None, {"source": "card", "external_id": "1"}),
        ("update", 1, 1, {"external_id": "0"}),
        ("update", 1, 2, {"source": None, "external_id": None}),
        ("update", 0, None, {"source": "bank", "external_id": "2"}),
    ]
)
@example(
    script=[
        ("update", 1, None, {"source": None, "external_id": None}),
        ("update", 2, None, {"source": "bank", "external_id": "0"}),
        ("update", 1, None, {"source": "card", "external_id": "1"}),
    ]
)
async def test_many_at_once_end_as_one_by_one(
    app: FastAPI, signing_key: SigningKey, script: list[Operation]
) -> None:
    def user() -> httpx.AsyncClient:
        return client_of(app, signing_key.token(access_claims(new_id(datetime.now(UTC)))))

    async with user() as stranger, user() as single, user() as partial, user() as atomic:
        foreign = (await bulk(stranger, create()))["results"][0]["expense"]
        rows = {client: await begun(client, foreign) for client in (single, partial, atomic)}
        expected = [await one_by_one(single, asked(each, rows[single])) for each in script]
        together = [asked(each, rows[partial]) for each in script]
        answer = await bulk(partial, *together, mode="partial")
        told = [(each["status"], each["expense"] or each["problem"]) for each in answer["results"]]
        ids: tuple[dict[str, int], dict[str, int]] = {}, {}
        assert [status for status, _ in told] == [status for status, _ in expected]
        assert still([body for _, body in told], ids[0]) == still(
            [body for _, body in expected], ids[1]
        )
        assert await everything(partial) == await everything(single)
        before = await everything(atomic)
        whole = await atomic.post(
            BULK, json={"operations": [asked(each, rows[atomic]) for each in script]}
        )
        fine = all(status < 400 for status, _ in expected)
        assert whole.status_code == (200 if fine else 422)
        assert await everything(atomic) == (await everything(single) if fine else before)
