"""GET /expenses/summary."""

import httpx
import pytest

from expenses_service.database import Database
from expenses_service.reports.schemas import EXAMPLE, SummaryOut
from tests.records import expense, record
from tests.tokens import user_id

PATH = "/api/v1/expenses/summary"


@pytest.fixture
async def recorded(database: Database) -> None:
    await record(
        database,
        user_id(1),
        expense(1250, "EUR", "2026-05-31"),
        expense(250, "EUR", "2026-05-01", kind="refund"),
        expense(500, "EUR", "2026-06-01", tags=["fun", "late"]),
        expense(1200, "JPY", "2026-05-07", "travel"),
        expense(1500, "KWD", "2026-05-07", "travel", kind="refund"),
        expense(1, "EUR", "2025-12-31", "work"),
    )
    await record(database, user_id(2), expense(999, "EUR", "2026-05-31"))


@pytest.mark.usefixtures("recorded")
async def test_by_category_and_month(
    ada: httpx.AsyncClient,
) -> None:
    response = await ada.get(PATH, params={"group_by": "category,month"})
    assert response.status_code == 200
    document = response.json()
    SummaryOut.model_validate(document)
    assert document == {
        "groups": [
            group({"category": "food", "month": "2026-05"}, "EUR", "10.00", 2),
            group({"category": "food", "month": "2026-06"}, "EUR", "5.00", 1),
            group({"category": "travel", "month": "2026-05"}, "JPY", "1200", 1),
            group({"category": "travel", "month": "2026-05"}, "KWD", "-1.500", 1),
            group({"category": "work", "month": "2025-12"}, "EUR", "0.01", 1),
        ],
        "totals": [
            {"currency": "EUR", "total": "15.01", "count": 4},
            {"currency": "JPY", "total": "1200", "count": 1},
            {"currency": "KWD", "total": "-1.500", "count": 1},
        ],
    }


def group(key: dict[str, str], currency: str, total: str, count: int) -> dict[str, object]:
    return {"key": key, "currency": currency, "total": total, "count": count}


@pytest.mark.usefixtures("recorded")
async def test_the_order_of_the_keys_is_that_of_the_groups(
    ada: httpx.AsyncClient,
) -> None:
    response = await ada.get(PATH, params={"group_by": "month,category", "currency": "EUR"})
    keys = [list(each["key"].items()) for each in response.json()["groups"]]
    assert keys == [
        [("month", "2025-12"), ("category", "work")],
        [("month", "2026-05"), ("category", "food")],
        [("month", "2026-06"), ("category", "food")],
    ]


FILTERED: dict[str, tuple[dict[str, str], list[tuple[str, str, int]]]] = {
    "whole months": (
        {"from": "2026-05-01", "to": "2026-05-31", "currency": "EUR"},
        [("EUR", "10.00", 2)],
    ),
    "days": ({"from": "2026-05-02", "to": "2026-06-01"}, [
        ("EUR", "17.50", 2), ("JPY", "1200", 1), ("KWD", "-1.500", 1)]),
    "open end": ({"from": "2026-06-01"}, [("EUR", "5.00", 1)]),
    "category": ({"category": "travel,work", "currency": "EUR,JPY"}, [
        ("EUR", "0.01", 1), ("JPY", "1200", 1)]),
    "kind": ({"kind": "refund"}, [("EUR", "-2.50", 1), ("KWD", "-1.500", 1)]),
    "tag": ({"tag": "late,never"}, [("EUR", "5.00", 1)]),
    "nothing": ({"category": "health"}, []),
}  # fmt: skip


@pytest.mark.parametrize(("filters", "totals"), FILTERED.values(), ids=FILTERED)
@pytest.mark.usefixtures("recorded")
async def test_filters(
    ada: httpx.AsyncClient,
    filters: dict[str, str],
    totals: list[tuple[str, str, int]],
) -> None:
    response = await ada.get(PATH, params={"group_by": "category", **filters})
    assert [tuple(total.values()) for total in response.json()["totals"]] == totals


async def test_nothing_yet(bob: httpx.AsyncClient) -> None:
    response = await bob.get(PATH, params={"group_by": "month"})
    assert response.json() == {"groups": [], "totals": []}


async def test_sums_pass_the_range_of_bigint(ada: httpx.AsyncClient, database: Database) -> None:
    largest = 999_999_999_999_999
    rows = [expense(largest, "JPY", "2026-05-01") for _ in range(9300)]
    await record(database, user_id(1), *rows)
    for filters in ({}, {"to": "2026-05-30"}):
        response = await ada.get(PATH, params={"group_by": "month", **filters})
        assert response.json()["totals"][0]["total"] == str(largest * 9300)


@pytest.mark.usefixtures("recorded")
async def test_missing_months_are_filled(
    ada: httpx.AsyncClient,
) -> None:
    asked = {"group_by": "month", "from": "2026-04-30", "to": "2026-06-01", "fill": "zero"}
    response = await ada.get(PATH, params={**asked, "currency": "EUR"})
    groups = [(each["key"]["month"], each["total"]) for each in response.json()["groups"]]
    assert groups == [("2026-04", "0.00"), ("2026-05", "10.00"), ("2026-06", "5.00")]
    assert response.json()["totals"] == [{"currency": "EUR", "total": "15.00", "count": 3}]


BAD = {
    "no group_by": ({}, "group_by", "required"),
    "empty": ({"group_by": ""}, "group_by", "invalid_group_by"),
    "unknown": ({"group_by": "colour"}, "group_by", "invalid_group_by"),
    "three": ({"group_by": "category,month,category"}, "group_by", "invalid_group_by"),
    "twice": ({"group_by": "month,month"}, "group_by", "invalid_group_by"),
    "spaces": ({"group_by": "category, month"}, "group_by", "invalid_group_by"),
    "fill what": ({"group_by": "month", "fill": "one"}, "fill", "literal_error"),
    "fill without a period": (
        {"group_by": "category", "fill": "zero", "from": "2026-01-01", "to": "2026-02-01"},
        "fill",
        "invalid_fill",
    ),
    "fill without an end": (
        {"group_by": "month", "fill": "zero", "from": "2026-01-01"},
        "fill",
        "invalid_fill",
    ),
    "fill for ever": (
        {"group_by": "month", "fill": "zero", "from": "1900-01-01", "to": "2999-12-31"},
        "fill",
        "too_many_groups",
    ),
    "fill with a wrong end": (
        {"group_by": "month", "fill": "zero", "from": "2026-01-01", "to": "2026-02-30"},
        "to",
        "invalid_date",
    ),
    "bounds of two currencies": (
        {"group_by": "month", "min_amount": "1", "currency": "EUR,USD"},
        "min_amount",
        "currency_required",
    ),
    "the list's own": ({"group_by": "month", "sort": "amount"}, "sort", "unknown_parameter"),
    "unknown currency": ({"group_by": "month", "currency": "EUX"}, "currency", "unknown_currency"),
    "no date": ({"group_by": "month", "from": "2026-02-30"}, "from", "invalid_date"),
    "unknown parameter": ({"group_by": "month", "form": "2026-01-01"}, "form", "unknown_parameter"),
}


@pytest.mark.parametrize(("asked", "parameter", "code"), BAD.values(), ids=BAD)
async def test_what_is_not_valid(
    ada: httpx.AsyncClient, asked: dict[str, str], parameter: str, code: str
) -> None:
    response = await ada.get(PATH, params=asked)
    assert response.status_code == 422
    problem = response.json()
    assert problem["code"] == "validation_error"
    assert [(each["parameter"], each["code"]) for each in problem["errors"]] == [(parameter, code)]


@pytest.mark.parametrize(
    ("asked", "suggestion"), [("categories", "category"), ("month,tags", "tag"), ("x,month", None)]
)
async def test_a_key_that_is_near(
    ada: httpx.AsyncClient, asked: str, suggestion: str | None
) -> None:
    response = await ada.get(PATH, params={"group_by": asked})
    assert response.json()["errors"][0].get("suggestion") == suggestion


async def test_a_parameter_twice(ada: httpx.AsyncClient) -> None:
    response = await ada.get(f"{PATH}?group_by=month&group_by=category")
    assert response.json()["errors"][0]["code"] == "duplicate_parameter"


@pytest.mark.usefixtures("recorded")
async def test_conditional_and_private(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
) -> None:
    asked = {"group_by": "month"}
    first = await ada.get(PATH, params=asked)
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Cookie, Authorization"
    condition = {"If-None-Match": first.headers["etag"]}
    again = await ada.get(PATH, params=asked, headers=condition)
    assert (again.status_code, again.content) == (304, b"")
    assert (await bob.get(PATH, params=asked, headers=condition)).status_code == 200
    other = await ada.get(PATH, params={"group_by": "category"}, headers=condition)
    assert other.status_code == 200
    await record(database, user_id(1), expense(1, "EUR", "2026-07-01"))
    changed = await ada.get(PATH, params=asked, headers=condition)
    assert changed.status_code == 200
    assert changed.json()["totals"][0]["total"] == "15.02"


def test_the_example_is_a_summary() -> None:
    SummaryOut.model_validate(EXAMPLE)


async def test_summary_is_no_id(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get(PATH)).status_code == 401
    assert (await anonymous.post(PATH)).status_code == 405
