"""POST /expenses/bulk: many writes, all or some of them."""

from uuid import uuid4

import httpx
from fastapi import FastAPI

from expenses_service.database import Database
from tests.bulk_calls import BULK, blamed, bulk, counts, create, delete, statuses, update
from tests.conftest import client_of
from tests.expense_calls import ADA, DRAFT, PATH, logged, made, url
from tests.tokens import SigningKey, access_claims

JSON = {"Content-Type": "application/json"}


async def feed(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    items = (await client.get("/api/v1/changes?limit=1000")).json()["items"]
    return [(each["action"], each["id"]) for each in items]


async def test_each_operation_ends_as_the_single_call(ada: httpx.AsyncClient) -> None:
    one, two = await made(ada), await made(ada)
    answer = await bulk(ada, create(notes="n"), update(one, notes="x"), delete(two, version=1))
    assert (statuses(answer), counts(answer)) == ([201, 200, 204], (1, 1, 1, 0))
    new, changed, gone = (each["expense"] for each in answer["results"])
    assert (await ada.get(url(new))).json() == new
    assert (await ada.get(url(one))).json() == changed
    assert (gone, (await ada.get(url(two))).status_code) == (None, 404)
    assert [each["problem"] for each in answer["results"]] == [None] * 3
    assert (new["notes"], changed["version"]) == ("n", 2)
    assert (await feed(ada))[2:] == [
        ("created", new["id"]), ("updated", one["id"]), ("deleted", two["id"])
    ]  # fmt: skip


async def test_a_version_is_an_integer_by_its_value(ada: httpx.AsyncClient) -> None:
    one = await made(ada)
    most = 2**53 - 1
    for version, code in ((1.5, "int_type"), (0.0, "int_type"), (most + 1, "less_than_equal")):
        refused = await ada.post(BULK, json={"operations": [delete(one) | {"version": version}]})
        assert blamed(refused) == [("/operations/0/version", code)]
    assert statuses(await bulk(ada, delete(one, version=most), mode="partial")) == [412]
    answer = await bulk(ada, update(one, notes="a") | {"version": 1.0}, delete(one, version=2))
    assert statuses(answer) == [200, 204]


async def test_operations_work_on_what_the_ones_before_left(
    ada: httpx.AsyncClient, database: Database
) -> None:
    one = await made(ada)
    answer = await bulk(
        ada,
        update(one, version=1, notes="a"),
        update(one, version=2, notes="a"),
        update(one, version=2, amount="2", currency="JPY"),
        update(one, version=2, notes="stale"),
        delete(one, version=3),
        update(one, notes="gone"),
        delete(one),
        mode="partial",
    )
    assert statuses(answer) == [200, 200, 200, 412, 204, 404, 404]
    assert answer["results"][3]["problem"]["current_version"] == 3
    assert counts(answer) == (0, 3, 1, 3)
    history = (await ada.get(f"{url(one)}/history")).json()["items"]
    assert [each["action"] for each in history] == ["created", "updated", "updated", "deleted"]
    assert [each["expense"]["notes"] for each in history] == [None, "a", "a", "a"]
    assert (history[2]["expense"]["amount"], history[1]["expense"]["amount"]) == ("2", "12.50")
    assert await logged(database) == 4


async def test_an_atomic_one_that_fails_changes_nothing(
    ada: httpx.AsyncClient, bob: httpx.AsyncClient, database: Database
) -> None:
    one, named = await made(ada), await made(ada, source="bank", external_id="7")
    foreign = await made(bob)
    response = await ada.post(
        BULK,
        json={
            "operations": [
                create(),
                update(one, notes="x"),
                create(amount="0", categry="food"),
                create(category="nothing"),
                create(source="bank", external_id="7"),
                update(one, external_id="7", source="bank"),
                update(one, version=9, notes="y"),
                update(foreign, notes="z"),
                delete({"id": str(uuid4())}),
                update(named, currency="USD"),
                update(named, amount="1.234"),
                {"op": "replace"},
                {"expense": DRAFT},
                7,
                delete({"id": "7"}),
                {"op": "delete", "id": one["id"], "version": 0, "why": "x"},
                {"op": "update", "id": one["id"]},
                delete(named),
            ]
        },
    )
    assert blamed(response) == [
        ("/operations/2/expense/amount", "amount_range"),
        ("/operations/2/expense/categry", "unknown_field"),
        ("/operations/3/expense/category", "unknown_category"),
        ("/operations/4/expense/external_id", "external_id_taken"),
        ("/operations/5/changes/external_id", "external_id_taken"),
        ("/operations/6/version", "version_conflict"),
        ("/operations/7/id", "not_found"),
        ("/operations/8/id", "not_found"),
        ("/operations/9/changes/amount", "amount_required"),
        ("/operations/10/changes/amount", "amount_scale"),
        ("/operations/11/op", "literal_error"),
        ("/operations/12/op", "required"),
        ("/operations/13", "model_type"),
        ("/operations/14/id", "uuid_parsing"),
        ("/operations/15/version", "greater_than_equal"),
        ("/operations/15/why", "unknown_field"),
        ("/operations/16/changes", "required"),
    ]
    assert response.json()["errors"][1]["suggestion"] == "category"
    assert await logged(database) == 2
    assert (await ada.get(url(one))).json() == one


async def test_a_partial_one_tells_each_problem_as_the_single_call_does(
    ada: httpx.AsyncClient,
) -> None:
    one = await made(ada)
    answer = await bulk(
        ada, create(amount="0"), update(one, version=4), create(), mode="partial"
    )  # fmt: skip
    assert statuses(answer) == [422, 412, 201]
    single = await ada.post(PATH, json=DRAFT | {"amount": "0"})
    told = answer["results"][0]["problem"]
    assert [each["pointer"] for each in told["errors"]] == ["/operations/0/expense/amount"]
    same = {"instance": BULK, "request_id": told["request_id"], "errors": told["errors"]}
    assert told == single.json() | same
    single = await ada.patch(url(one), json={}, headers={"If-Match": '"4"'})
    told = answer["results"][1]["problem"]
    assert told == single.json() | {"instance": BULK, "request_id": told["request_id"]}
    assert answer["results"][1]["expense"] is None


async def test_at_most_fifty_errors_are_told(ada: httpx.AsyncClient) -> None:
    response = await ada.post(BULK, json={"operations": [create(amount="0")] * 51})
    assert len(blamed(response)) == 50


async def test_a_dry_run_answers_the_same_and_writes_nothing(
    ada: httpx.AsyncClient, database: Database
) -> None:
    one = await made(ada)
    operations = [create(), update(one, notes="x"), update(one, version=1), delete(one)]
    dry = await bulk(ada, *operations, mode="partial", dry_run=True)
    assert (await ada.get(url(one))).json() == one
    assert await logged(database) == 1
    real = await bulk(ada, *operations, mode="partial")
    assert statuses(dry) == statuses(real) == [201, 200, 412, 204]
    assert counts(dry) == counts(real)
    made_dry, made_real = (each["results"][0]["expense"] for each in (dry, real))
    moving = {name: made_real[name] for name in ("id", "created_at", "updated_at")}
    assert made_dry | moving == made_real
    refused = await ada.post(BULK, json={"dry_run": True, "operations": [create(), delete(one)]})
    assert blamed(refused) == [("/operations/1/id", "not_found")]
    assert await logged(database) == 4


async def test_what_changes_nothing_leaves_no_trace(
    ada: httpx.AsyncClient, database: Database
) -> None:
    one = await made(ada)
    answer = await bulk(ada, update(one), update(one, amount=12.5), mode="atomic")
    assert [each["expense"] for each in answer["results"]] == [one, one]
    assert counts(answer) == (0, 2, 0, 0)
    assert await logged(database) == 1
    assert counts(await bulk(ada)) == (0, 0, 0, 0)


async def test_external_ids_change_hands_within_a_request(ada: httpx.AsyncClient) -> None:
    """Two swap theirs, one that becomes free is taken by a new expense, and it may come back."""
    one = await made(ada, source="s", external_id="1")
    two = await made(ada, source="s", external_id="2")
    three = await made(ada, source="s", external_id="3")
    answer = await bulk(
        ada,
        update(one, source=None, external_id=None),
        update(two, external_id="1"),
        update(one, source="s", external_id="2"),
        update(three, external_id="4"),
        create(source="s", external_id="3"),
        create(source="s", external_id="4"),
        update(two, external_id="3"),
        mode="partial",
    )
    assert statuses(answer) == [200, 200, 200, 200, 201, 409, 409]
    names = {
        each["id"]: each["external_id"]
        for each in (await ada.get(PATH)).json()["items"]
    }  # fmt: skip
    new = answer["results"][4]["expense"]["id"]
    assert names == {one["id"]: "2", two["id"]: "1", three["id"]: "4", new: "3"}


async def test_a_deleted_one_keeps_its_external_id(ada: httpx.AsyncClient) -> None:
    one = await made(ada, source="s", external_id="1")
    answer = await bulk(
        ada, delete(one), create(source="s", external_id="1"), mode="partial"
    )  # fmt: skip
    assert statuses(answer) == [204, 409]
    assert answer["results"][1]["problem"]["code"] == "external_id_taken"


async def test_categories_are_those_that_are_open(ada: httpx.AsyncClient) -> None:
    kept = await made(ada, category="food")
    await ada.patch("/api/v1/categories/food", json={"archived": True})
    await ada.patch("/api/v1/categories/other", json={"archived": True})
    answer = await bulk(
        ada,
        update(kept, notes="stays", category="food"),
        create(category="food"),
        create(),
        create(category="travel"),
        update(kept, category="travel"),
        update(kept, category="food"),
        mode="partial",
    )
    assert statuses(answer) == [200, 422, 422, 201, 200, 422]
    cleared = await bulk(ada, update(kept, category=None), mode="partial")
    assert statuses(cleared) == [422]


async def test_a_retry_does_nothing_again(ada: httpx.AsyncClient, database: Database) -> None:
    one = await made(ada)
    body = {"mode": "partial", "operations": [create(), update(one, notes="x"), create(amount=0)]}
    key = {"Idempotency-Key": "once"}
    first = await ada.post(BULK, json=body, headers=key)
    again = await ada.post(BULK, json=dict(reversed(body.items())), headers=key)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    for changed in ({"mode": "atomic"}, {"dry_run": True}, {"operations": body["operations"][:2]}):
        other = await ada.post(BULK, json=body | changed, headers=key)
        assert other.json()["code"] == "idempotency_key_reused"
    assert await logged(database) == 3


async def test_a_refused_one_does_not_use_the_key_up(ada: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    refused = await ada.post(BULK, json={"operations": [create(amount=0)]}, headers=key)
    assert refused.status_code == 422
    assert (await ada.post(BULK, json={"operations": [create()]}, headers=key)).status_code == 200


async def test_who_may_call_it(
    app: FastAPI, anonymous: httpx.AsyncClient, ada: httpx.AsyncClient, signing_key: SigningKey
) -> None:
    body = {"operations": [create()]}
    assert (await anonymous.post(BULK, json=body)).status_code == 401
    token = signing_key.token(access_claims(ADA, scope="expenses:read"))
    async with client_of(app, token) as reader:
        assert (await reader.post(BULK, json=body)).json()["code"] == "insufficient_scope"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        wrong = await ada.request(method, BULK)
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    text = await ada.post(BULK, content="{}", headers={"Content-Type": "text/plain"})
    assert text.status_code == 415
    broken = await ada.post(BULK, content="{", headers=JSON)
    assert broken.json()["code"] == "malformed_json"
    unknown = await ada.post(f"{BULK}?mode=partial", json=body)
    assert unknown.json()["errors"][0]["parameter"] == "mode"
