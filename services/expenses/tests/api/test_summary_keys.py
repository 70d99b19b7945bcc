"""GET /expenses/summary by every key, by two of them, with every filter, and filled with zeros."""

from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from expenses_service.database import Database
from expenses_service.reports.rules import MAX_FILLED
from expenses_service.reports.schemas import SummaryOut
from tests.records import expense, record
from tests.tokens import user_id

PATH = "/api/v1/expenses/summary"
EARLY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def recorded(database: Database) -> None:
    await record(
        database,
        user_id(1),
        expense(100, "EUR", "2025-12-29", tags=["a", "b"], merchant="Enzo", payment_method="card"),
        expense(20, "EUR", "2026-01-01", tags=["b"], merchant="enzo", payment_method="cash"),
        expense(3, "EUR", "2026-01-05", "travel", kind="refund", updated_at=EARLY),
        expense(4000, "JPY", "2026-01-05", "travel", merchant="Enzo", description="Taxi home"),
    )
    await record(database, user_id(2), expense(999, "EUR", "2026-01-01", tags=["a"]))


async def groups(client: httpx.AsyncClient, **asked: str) -> list[str]:
    """Each group in a line: key, currency, total, count."""
    response = await client.get(PATH, params=asked)
    assert response.status_code == 200, response.text
    document = response.json()
    SummaryOut.model_validate(document)
    if asked.keys() <= {"group_by", "from", "to", "fill"}:
        assert [tuple(total.values()) for total in document["totals"]] == [
            ("EUR", "1.17", 3),
            ("JPY", "4000", 1),
        ]
    return [
        " ".join(map(str, [*each["key"].values(), each["currency"], each["total"], each["count"]]))
        for each in document["groups"]
    ]


BY: dict[str, list[str]] = {
    "category": ["food EUR 1.20 2", "travel EUR -0.03 1", "travel JPY 4000 1"],
    "tag": ["a EUR 1.00 1", "b EUR 1.20 2", "None EUR -0.03 1", "None JPY 4000 1"],
    "merchant": [
        "Enzo EUR 1.00 1",
        "Enzo JPY 4000 1",
        "enzo EUR 0.20 1",
        "None EUR -0.03 1",
    ],
    "payment_method": [
        "card EUR 1.00 1",
        "cash EUR 0.20 1",
        "None EUR -0.03 1",
        "None JPY 4000 1",
    ],
    "kind": ["expense EUR 1.20 2", "expense JPY 4000 1", "refund EUR -0.03 1"],
    "day": [
        "2025-12-29 EUR 1.00 1",
        "2026-01-01 EUR 0.20 1",
        "2026-01-05 EUR -0.03 1",
        "2026-01-05 JPY 4000 1",
    ],
    "week": ["2026-W01 EUR 1.20 2", "2026-W02 EUR -0.03 1", "2026-W02 JPY 4000 1"],
    "month": ["2025-12 EUR 1.00 1", "2026-01 EUR 0.17 2", "2026-01 JPY 4000 1"],
    "year": ["2025 EUR 1.00 1", "2026 EUR 0.17 2", "2026 JPY 4000 1"],
    "tag,merchant": [
        "a Enzo EUR 1.00 1",
        "b Enzo EUR 1.00 1",
        "b enzo EUR 0.20 1",
        "None Enzo JPY 4000 1",
        "None None EUR -0.03 1",
    ],
    "year,week": [
        "2025 2026-W01 EUR 1.00 1",
        "2026 2026-W01 EUR 0.20 1",
        "2026 2026-W02 EUR -0.03 1",
        "2026 2026-W02 JPY 4000 1",
    ],
    "kind,year": [
        "expense 2025 EUR 1.00 1",
        "expense 2026 EUR 0.20 1",
        "expense 2026 JPY 4000 1",
        "refund 2026 EUR -0.03 1",
    ],
}


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(("keys", "wanted"), BY.items(), ids=BY)
async def test_by(ada: httpx.AsyncClient, keys: str, wanted: list[str]) -> None:
    assert await groups(ada, group_by=keys) == wanted
    whole = {"from": "2025-12-01", "to": "2026-01-31"}
    assert await groups(ada, group_by=keys, **whole) == wanted  # monthly sums may tell
    assert await groups(ada, group_by=keys, **whole | {"to": "2026-01-30"}) == wanted  # rows do


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"tag": "a"}, ["2025-12 EUR 1.00 1"]),
        ({"tag": "a,b"}, ["2025-12 EUR 1.00 1", "2026-01 EUR 0.20 1"]),
        ({"tag": "a,b", "tag_mode": "all"}, ["2025-12 EUR 1.00 1"]),
        ({"merchant": "Enzo"}, ["2025-12 EUR 1.00 1", "2026-01 JPY 4000 1"]),
        ({"payment_method": "cash"}, ["2026-01 EUR 0.20 1"]),
        ({"currency": "EUR", "min_amount": "0.20"}, ["2025-12 EUR 1.00 1", "2026-01 EUR 0.20 1"]),
        ({"currency": "EUR", "max_amount": "0.03"}, ["2026-01 EUR -0.03 1"]),
        ({"q": "taxi"}, ["2026-01 JPY 4000 1"]),
        (
            {"updated_since": "2026-01-01T00:00:01Z", "currency": "EUR"},
            ["2025-12 EUR 1.00 1", "2026-01 EUR 0.20 1"],
        ),
    ],
)
async def test_filtered(ada: httpx.AsyncClient, asked: dict[str, str], wanted: list[str]) -> None:
    assert await groups(ada, group_by="month", **asked) == wanted


@pytest.mark.usefixtures("recorded")
async def test_an_expense_with_two_tags_counts_once_in_the_totals(ada: httpx.AsyncClient) -> None:
    response = await ada.get(PATH, params={"group_by": "month,tag", "tag": "a,b"})
    assert len(response.json()["groups"]) == 3
    assert response.json()["totals"] == [{"currency": "EUR", "total": "1.20", "count": 2}]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("keys", "span", "wanted"),
    [
        ("day", ("2025-12-31", "2026-01-02"), [
            "2025-12-31 0.00", "2026-01-01 0.20", "2026-01-02 0.00"]),
        ("week", ("2026-01-01", "2026-01-12"), [
            "2026-W01 0.20", "2026-W02 -0.03", "2026-W03 0.00"]),
        ("month", ("2025-11-30", "2026-01-31"), ["2025-11 0.00", "2025-12 1.00", "2026-01 0.17"]),
        ("year", ("2024-12-31", "2026-12-31"), ["2024 0.00", "2025 1.00", "2026 0.17"]),
        ("category,year", ("2025-01-01", "2026-12-31"), [
            "food 2025 1.00", "food 2026 0.20", "travel 2025 0.00", "travel 2026 -0.03"]),
        ("year,category", ("2025-01-01", "2026-12-31"), [
            "2025 food 1.00", "2025 travel 0.00", "2026 food 0.20", "2026 travel -0.03"]),
        ("tag,year", ("2025-01-01", "2026-12-31"), [
            "a 2025 1.00", "a 2026 0.00", "b 2025 1.00", "b 2026 0.20",
            "None 2025 0.00", "None 2026 -0.03"]),
        ("month,week", ("2025-12-28", "2026-01-05"), [
            "2025-12 2025-W52 0.00", "2025-12 2026-W01 1.00",
            "2026-01 2026-W01 0.20", "2026-01 2026-W02 -0.03"]),
    ],
)  # fmt: skip
async def test_zeros_where_there_is_nothing(
    ada: httpx.AsyncClient, keys: str, span: tuple[str, str], wanted: list[str]
) -> None:
    asked = {"group_by": keys, "from": span[0], "to": span[1], "fill": "zero", "currency": "EUR"}
    found = await groups(ada, **asked)
    assert [line.replace("EUR ", "").rpartition(" ")[0] for line in found] == wanted


@pytest.mark.usefixtures("recorded")
async def test_zeros_are_there_for_each_currency_of_the_result(ada: httpx.AsyncClient) -> None:
    asked = {"group_by": "month", "from": "2025-12-01", "to": "2026-01-31", "fill": "zero"}
    assert await groups(ada, **asked) == [
        "2025-12 EUR 1.00 1",
        "2025-12 JPY 0 0",
        "2026-01 EUR 0.17 2",
        "2026-01 JPY 4000 1",
    ]
    assert await groups(ada, **asked, kind="refund", category="food") == []


async def test_so_many_zeros_and_no_more(ada: httpx.AsyncClient, database: Database) -> None:
    first = date(2000, 1, 1)
    await record(database, user_id(1), expense(1, "EUR", first), expense(1, "JPY", first))

    async def asked(days: int, **more: str) -> httpx.Response:
        last = first + timedelta(days=days - 1)
        span = {"from": str(first), "to": str(last), "group_by": "day", "fill": "zero"}
        return await ada.get(PATH, params=span | more)

    for most, more in ((MAX_FILLED, {"currency": "EUR"}), (MAX_FILLED // 2, {})):
        assert len((await asked(most, **more)).json()["groups"]) == MAX_FILLED
        refused = await asked(most + 1, **more)
        assert refused.status_code == 422
        [error] = refused.json()["errors"]
        assert (error["code"], error["parameter"]) == ("too_many_groups", "fill")


async def test_so_many_groups_and_no_more(
    ada: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expenses_service.reports.repository.MAX_GROUPS", 3)
    rows = [expense(1, code, "2026-01-01", merchant=code) for code in ("EUR", "JPY", "KWD")]
    await record(database, user_id(1), *rows)
    whole = await ada.get(PATH, params={"group_by": "merchant"})
    assert [len(whole.json()[part]) for part in ("groups", "totals")] == [3, 3]
    await record(database, user_id(1), expense(1, "EUR", "2026-01-01", merchant="one more"))
    refused = await ada.get(PATH, params={"group_by": "merchant"})
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert (error["code"], error["parameter"]) == ("too_many_groups", "group_by")
    assert (await ada.get(PATH, params={"group_by": "kind"})).status_code == 200


@pytest.mark.parametrize("keys", ["merchant", "tag,year"])
async def test_sums_pass_the_range_of_bigint(
    ada: httpx.AsyncClient, database: Database, keys: str
) -> None:
    largest = 999_999_999_999_999
    rows = (expense(largest, "JPY", "2026-05-01") for _ in range(9300))
    await record(database, user_id(1), *rows)
    response = await ada.get(PATH, params={"group_by": keys})
    for part in ("groups", "totals"):
        assert [each["total"] for each in response.json()[part]] == [str(largest * 9300)]
