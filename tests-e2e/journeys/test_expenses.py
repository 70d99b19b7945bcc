"""Record, read, change, delete, restore, list and sum up."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from actors import EXPENSES, LUNCH, Person, problem

EXPENSE = {
    "id", "kind", "amount", "currency", "spent_on", "description", "merchant", "category", "tags",
    "payment_method", "notes", "metadata", "source", "external_id", "version", "created_at", "updated_at",
    "deleted_at",
}  # fmt: skip


def test_the_life_of_an_expense(ada: Person) -> None:
    made = ada.client.post(EXPENSES, json=LUNCH | {"notes": "with\tBob\nand Eve", "tags": ["Team", "team"]})
    assert made.status_code == 201
    expense = made.json()
    path = made.headers["location"]
    assert path == f"{EXPENSES}/{expense['id']}"
    assert set(expense) == EXPENSE
    assert (made.headers["etag"], expense["version"], expense["tags"]) == ('"1"', 1, ["team"])

    read = ada.client.get(path)
    assert read.json() == expense
    assert (read.headers["cache-control"], read.headers["vary"]) == (
        "private, no-cache",
        "Cookie, Authorization",
    )
    assert ada.client.get(path, headers={"If-None-Match": '"1"'}).status_code == 304

    patch = {"amount": "13.00", "notes": None}
    changed = ada.client.patch(path, json=patch, headers={"If-Match": '"1"'})
    assert (changed.json()["amount"], changed.json()["notes"]) == ("13.00", None)
    assert changed.headers["etag"] == '"2"'
    same = ada.client.patch(path, json=patch)
    assert same.json() == changed.json()
    conflict = ada.client.patch(path, json={"amount": "14.00"}, headers={"If-Match": '"1"'})
    assert problem(conflict, 412, "version_conflict")["current_version"] == 2

    assert ada.client.delete(path).status_code == 204
    for method in ("GET", "DELETE"):
        problem(ada.client.request(method, path), 404, "not_found")
    problem(ada.client.patch(path, json={"amount": "1.00"}), 404, "not_found")
    assert ada.list() == []
    restored = ada.client.post(f"{path}/restore")
    assert (restored.status_code, restored.json()["version"], restored.json()["deleted_at"]) == (200, 4, None)
    assert ada.client.post(f"{path}/restore").json()["version"] == 4


@pytest.mark.parametrize(
    ("sent", "currency", "shown"),
    [
        ("12.5", "EUR", "12.50"),
        (12.5, "EUR", "12.50"),
        (7, "EUR", "7.00"),
        ("1250", "JPY", "1250"),
        ("1.25", "KWD", "1.250"),
        ("0.01", "EUR", "0.01"),
        ("9999999999999.99", "EUR", "9999999999999.99"),
        ("999999999999999", "JPY", "999999999999999"),
        ("1.0001", "CLF", "1.0001"),
    ],
)
def test_money_comes_back_padded_and_never_rounded(ada: Person, sent: Any, currency: str, shown: str) -> None:
    assert ada.record(amount=sent, currency=currency)["amount"] == shown


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"amount": "1.234"}, "/amount", "amount_scale"),
        ({"amount": "1.500"}, "/amount", "amount_scale"),
        ({"amount": "1.5", "currency": "JPY"}, "/amount", "amount_scale"),
        ({"amount": "0"}, "/amount", "amount_range"),
        ({"amount": "-1"}, "/amount", None),
        ({"amount": "1e2"}, "/amount", None),
        ({"amount": "NaN"}, "/amount", None),
        ({"amount": True}, "/amount", None),
        ({"amount": "10000000000000.00"}, "/amount", "amount_range"),
        ({"currency": "XAU"}, "/currency", "unknown_currency"),
        ({"currency": "eur"}, "/currency", "unknown_currency"),
        ({"category": "no-such"}, "/category", "unknown_category"),
        ({"spent_on": "1899-12-31"}, "/spent_on", None),
        ({"spent_on": "3000-01-01"}, "/spent_on", None),
        ({"spent_on": "2026-02-30"}, "/spent_on", None),
        ({"description": ""}, "/description", None),
        ({"description": " \t"}, "/description", None),
        ({"description": "x" * 201}, "/description", None),
        ({"merchant": "x" * 121}, "/merchant", None),
        ({"notes": "x" * 2001}, "/notes", None),
        ({"tags": ["x"] * 0 + ["a,b"]}, "/tags/0", None),
        ({"tags": [str(n) for n in range(21)]}, "/tags", None),
        ({"metadata": {"k": 1}}, "/metadata/k", None),
        ({"source": "bank"}, None, None),
        ({"payment_method": "gold"}, "/payment_method", None),
        ({"amonut": "1"}, "/amonut", "unknown_field"),
    ],
)
def test_what_is_not_valid_is_named(
    ada: Person, changes: dict[str, Any], pointer: str | None, code: str | None
) -> None:
    document = problem(ada.client.post(EXPENSES, json=LUNCH | changes), 422, "validation_error")
    assert document["errors"]
    if pointer is not None:
        assert {error["pointer"] for error in document["errors"]} == {pointer}
    if code is not None:
        assert document["errors"][0]["code"] == code
    assert ada.list() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"spent_on": "1900-01-01"},
        {"spent_on": "2999-12-31"},
        {"description": "🐝" * 200},
        {"notes": "x" * 2000},
        {"tags": [str(n) for n in range(20)]},
        {"tags": ["x" * 40]},
        {"metadata": {"k" * 40: "v" * 500}},
        {"source": "s" * 40, "external_id": "e" * 120},
    ],
)
def test_limits_hold_at_their_edge(ada: Person, changes: dict[str, Any]) -> None:
    expense = ada.record(**changes)
    assert {name: expense[name] for name in changes} == changes


def test_a_near_name_is_suggested(ada: Person) -> None:
    document = problem(ada.client.post(EXPENSES, json=LUNCH | {"amonut": "1"}), 422, "validation_error")
    assert document["errors"][0]["suggestion"] == "amount"
    document = problem(ada.client.get(EXPENSES, params={"catgory": "food"}), 422, "validation_error")
    assert document["errors"][0] == {
        "code": "unknown_parameter",
        "detail": document["errors"][0]["detail"],
        "parameter": "catgory",
        "suggestion": "category",
    }


def test_a_read_after_a_write_is_never_stale(ada: Person) -> None:
    other = ada.script()
    for number in range(1, 101):
        ada.record(amount=f"{number}.00")
        reader = (other, ada.client)[number % 2]
        assert len(reader.get(EXPENSES, params={"limit": 200}).json()["items"]) == number
        summary = reader.get(f"{EXPENSES}/summary?group_by=category").json()
        assert summary["totals"][0]["total"] == f"{number * (number + 1) // 2}.00"


def test_two_users_in_one_browser_never_share_an_answer(ada: Person, bob: Person) -> None:
    ada.record()
    bob.record()
    etag = ada.client.get(EXPENSES).headers["etag"]
    assert bob.client.get(EXPENSES, headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/restore")]
)
def test_somebody_elses_expense_is_like_an_absent_one(
    ada: Person, bob: Person, method: str, suffix: str
) -> None:
    hers = ada.record()
    body: dict[str, Any] = {"json": {"amount": "1.00"}} if method == "PATCH" else {}
    absent = "01900000-0000-7000-8000-000000000000"
    answers = [
        bob.client.request(method, f"{EXPENSES}/{id_}{suffix}", headers={"X-Request-ID": "same"}, **body)
        for id_ in (hers["id"], absent)
    ]
    texts = [answer.text.replace(hers["id"], absent) for answer in answers]
    assert texts[0] == texts[1]
    problem(answers[0], 404, "not_found")
    assert ada.client.get(f"{EXPENSES}/{hers['id']}").json() == hers


def test_a_repeated_post_has_one_effect(ada: Person, person: Callable[..., Person]) -> None:
    key = {"Idempotency-Key": "lunch-1"}
    first = ada.client.post(EXPENSES, json=LUNCH, headers=key)
    again = ada.client.post(EXPENSES, json=LUNCH, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    other = ada.client.post(EXPENSES, json=LUNCH | {"amount": "1.00"}, headers=key)
    problem(other, 422, "idempotency_key_reused")
    assert person().client.post(EXPENSES, json=LUNCH, headers=key).status_code == 201
    assert len(ada.list()) == 1


def test_duplicates_at_the_same_time_have_one_effect(ada: Person) -> None:
    def post(_: int) -> int:
        with ada.script() as client:
            return client.post(EXPENSES, json=LUNCH, headers={"Idempotency-Key": "once"}).status_code

    with ThreadPoolExecutor(10) as threads:
        statuses = list(threads.map(post, range(20)))
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert len(ada.list()) == 1


def test_an_external_id_is_taken_once(ada: Person, bob: Person) -> None:
    ids = {"source": "bank", "external_id": "tx-1"}
    ada.record(**ids)
    problem(ada.client.post(EXPENSES, json=LUNCH | ids), 409, "external_id_taken")
    bob.record(**ids)


def test_the_usual_categories_are_there_from_the_start(ada: Person) -> None:
    answer = ada.client.get("/api/v1/categories")
    assert {item["slug"] for item in answer.json()["items"]} == {
        "food", "groceries", "transport", "housing", "utilities", "health", "leisure", "travel", "shopping",
        "work", "education", "other",
    }  # fmt: skip
    assert set(answer.json()["items"][0]) == {"slug", "name", "archived", "is_default", "version"}
    again = ada.client.get("/api/v1/categories", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_currencies_are_public(ada: Person) -> None:
    answer = ada.with_cookies("a=b").get("/api/v1/currencies")
    exponents = {item["code"]: item["exponent"] for item in answer.json()["items"]}
    assert (exponents["EUR"], exponents["JPY"], exponents["KWD"], exponents["CLF"]) == (2, 0, 3, 4)
    assert not {"XXX", "XAU", "XTS"} & set(exponents)
    assert answer.headers["cache-control"] == "public, max-age=3600"


@pytest.mark.parametrize(
    ("path", "source", "external_id"),
    [
        ("bank/2026-05-31/7", "bank", "2026-05-31/7"),
        ("caf%C3%A9/%F0%9F%A7%BE%20a+b", "café", "🧾 a+b"),
        ("bank/%D1%8F" + "x" * 119, "bank", "я" + "x" * 119),
    ],
)
def test_another_systems_name_arrives_as_it_is(ada: Person, path: str, source: str, external_id: str) -> None:
    path = f"{EXPENSES}/by-external/{path}"
    first = ada.client.put(path, json=LUNCH)
    assert first.status_code == 201
    assert (first.json()["source"], first.json()["external_id"]) == (source, external_id)
    again = ada.client.put(path, json=LUNCH)
    assert (again.status_code, again.json()) == (200, first.json())
    ada.client.delete(first.headers["location"])
    problem(ada.client.put(path, json=LUNCH), 409, "deleted")
    revived = ada.client.put(f"{path}?revive=true", json=LUNCH)
    assert (revived.status_code, revived.json()["version"]) == (200, 3)


def test_a_thousand_operations_in_one_request(ada: Person) -> None:
    """More than a megabyte of them; eight are the limit."""
    operations = [{"op": "create", "expense": LUNCH | {"notes": "n" * 1500}} for _ in range(1000)]
    made = ada.client.post(f"{EXPENSES}/bulk", json={"operations": operations})
    assert (made.status_code, made.json()["created"]) == (200, 1000)
    ids = [each["expense"]["id"] for each in made.json()["results"]]
    deletes = [{"op": "delete", "id": each, "version": 1} for each in [*ids[1:], ids[1]]]
    atomic = ada.client.post(f"{EXPENSES}/bulk", json={"operations": deletes})
    [error] = problem(atomic, 422, "validation_error")["errors"]
    assert (error["pointer"], error["code"]) == ("/operations/999/id", "not_found")
    deleted = ada.client.post(f"{EXPENSES}/bulk", json={"mode": "partial", "operations": deletes})
    assert (deleted.json()["deleted"], deleted.json()["failed"]) == (999, 1)
    assert [each["id"] for each in ada.list()] == ids[:1]
    large = b" " * (8 * 2**20 + 1)
    headers = {"Content-Type": "application/json"}
    problem(ada.client.post(f"{EXPENSES}/bulk", content=large, headers=headers), 413, "body_too_large")
