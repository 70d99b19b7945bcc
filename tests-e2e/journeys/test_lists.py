"""Filters, pages and sums."""

from actors import EXPENSES, Person, problem


def test_filters_and_pages(ada: Person) -> None:
    days = [f"2026-{month:02d}-{day:02d}" for month in (1, 2, 3) for day in (1, 15, 28)]
    for number, day in enumerate(days):
        ada.record(
            spent_on=day,
            category=("food", "travel", "health")[number % 3],
            currency=("EUR", "USD")[number % 2],
            amount="5.00",
            tags=["odd"] if number % 2 else [],
            kind="refund" if number == 4 else "expense",
        )
    assert [item["spent_on"] for item in ada.list()] == sorted(days, reverse=True)
    assert len(ada.list(**{"from": "2026-02-01", "to": "2026-02-28"})) == 3
    assert len(ada.list(category="food,travel")) == 6
    assert len(ada.list(tag="odd", currency="USD")) == 4
    assert [item["spent_on"] for item in ada.list(kind="refund")] == ["2026-02-15"]

    seen: list[str] = []
    url = f"{EXPENSES}?limit=2"
    while True:
        answer = ada.client.get(url)
        seen += [item["spent_on"] for item in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        assert (cursor is not None) == ('rel="next"' in answer.headers.get("link", ""))
        if cursor is None:
            break
        url = f"{EXPENSES}?limit=2&cursor={cursor}"
    assert seen == sorted(days, reverse=True)

    cursor = ada.client.get(f"{EXPENSES}?limit=2").json()["next_cursor"]
    for query in (f"cursor={cursor}x", f"cursor={cursor}&category=food", "cursor=nonsense"):
        problem(ada.client.get(f"{EXPENSES}?limit=2&{query}"), 400, "invalid_cursor")
    for query in ("limit=0", "limit=201", "limit=x", "limit=1&limit=2", "from=yesterday", "kind=gift"):
        problem(ada.client.get(f"{EXPENSES}?{query}"), 422, "validation_error")
    assert len(ada.list(limit=200)) == 9


def test_a_cursor_of_somebody_else_is_worth_nothing(ada: Person, bob: Person) -> None:
    for person in (ada, bob):
        person.record()
        person.record()
    cursor = ada.client.get(f"{EXPENSES}?limit=1").json()["next_cursor"]
    problem(bob.client.get(f"{EXPENSES}?limit=1&cursor={cursor}"), 400, "invalid_cursor")


def test_sums_keep_currencies_apart_and_refunds_subtract(ada: Person) -> None:
    ada.record(amount="10.00", spent_on="2026-05-01")
    ada.record(amount="2.50", spent_on="2026-05-31", kind="refund")
    ada.record(amount="3.00", spent_on="2026-06-01", category="travel")
    ada.record(amount="1000", currency="JPY", spent_on="2026-05-09")
    answer = ada.client.get(f"{EXPENSES}/summary", params={"group_by": "category,month"})
    assert answer.json() == {
        "groups": [
            {"key": {"category": "food", "month": "2026-05"}, "currency": "EUR", "total": "7.50", "count": 2},
            {"key": {"category": "food", "month": "2026-05"}, "currency": "JPY", "total": "1000", "count": 1},
            {
                "key": {"category": "travel", "month": "2026-06"},
                "currency": "EUR",
                "total": "3.00",
                "count": 1,
            },
        ],
        "totals": [
            {"currency": "EUR", "total": "10.50", "count": 3},
            {"currency": "JPY", "total": "1000", "count": 1},
        ],
    }
    same = ada.client.get(
        f"{EXPENSES}/summary?group_by=category,month", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert same.status_code == 304
    by_month = ada.client.get(f"{EXPENSES}/summary?group_by=month&category=food").json()["groups"]
    assert [(group["key"], group["currency"]) for group in by_month] == [
        ({"month": "2026-05"}, "EUR"),
        ({"month": "2026-05"}, "JPY"),
    ]
    problem(ada.client.get(f"{EXPENSES}/summary"), 422, "validation_error")
