"""Files out and in, the archive and the erasure, through the gateway."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from actors import EXPENSES, LUNCH, Person, problem

TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
NASTY = LUNCH | {"description": "=SUM(A1)", "notes": 'one, "two"\n\ufeffthree', "tags": ["ä", "'b"]}


def load(person: Person, form: str, content: bytes | Iterator[bytes], **query: str) -> httpx.Response:
    return person.client.post(
        f"{EXPENSES}/import", params=query, content=content, headers={"Content-Type": TYPES[form]}
    )


def lines(answer: httpx.Response) -> list[dict[str, object]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_account_moves_to_another_person(ada: Person, bob: Person, form: str) -> None:
    ada.record(**NASTY)
    ada.record(kind="refund", amount="1.250", currency="KWD", source="bank", external_id="-7")
    file = ada.client.get(f"{EXPENSES}/export", params={"format": form})
    assert file.headers["content-type"].startswith(TYPES[form])
    assert file.headers["content-disposition"].endswith(f'.{form}"')
    assert file.headers["vary"] == "Cookie, Authorization"
    nothing = {"created": 0, "updated": 0, "unchanged": 0, "failed": 0, "errors": []}
    assert load(ada, form, file.content).json() == nothing | {"unchanged": 2}
    assert load(bob, form, file.content).json() == nothing | {"created": 2}
    own = {"id", "created_at", "updated_at"}
    moved, meant = (
        sorted(str({k: v for k, v in row.items() if k not in own}) for row in person.list())
        for person in (bob, ada)
    )
    assert moved == meant


def test_a_row_that_is_not_valid_is_told_by_its_line(ada: Person) -> None:
    file = b"amount,currency,description\n1.00,EUR,fine\n1.005,EUR,x\n"
    refused = problem(load(ada, "csv", file), 422, "validation_error")
    assert [(error["line"], error["code"], error["pointer"]) for error in refused["errors"]] == [
        (3, "amount_scale", "/amount")
    ]
    assert load(ada, "csv", file, mode="partial").json()["created"] == 1
    problem(ada.client.post(f"{EXPENSES}/import", json={}), 415, "unsupported_media_type")


def test_a_key_makes_of_two_imports_one(ada: Person) -> None:
    file, kind = b"amount,currency,description\n1.00,EUR,once\n", {"Content-Type": "text/csv"}
    answers = [
        ada.client.post(f"{EXPENSES}/import", content=file, headers=kind | {"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert len(ada.list()) == 1


# 48 MB: more than all sockets between the service and a client that stops reading can hold, unless
# there is a proxy of Docker among them.
MANY = 6000


def many(rows: int) -> Iterator[bytes]:
    """8 KB each, without a declared length."""
    yield b"amount,currency,description,notes\n"
    notes = "🥨".encode() * 2000
    for number in range(1, rows + 1):
        yield b"%d,EUR,Lunch %d,%s\n" % (number, number, notes)


@pytest.mark.own_stack
def test_an_export_whose_account_is_erased_is_cut_and_never_looks_whole(ada: Person) -> None:
    assert load(ada, "csv", many(MANY)).json()["created"] == MANY
    other = ada.script()
    with ada.client.stream("GET", f"{EXPENSES}/export", params={"format": "ndjson"}) as answer:
        pieces = answer.iter_raw()
        size = len(next(pieces))
        time.sleep(0.5)
        assert other.delete(EXPENSES, params={"confirm": "everything"}).status_code == 204
        with pytest.raises(httpx.RemoteProtocolError):
            size += sum(map(len, pieces))
    assert 0 < size < MANY * 8000


def test_what_is_erased_is_gone_for_good(ada: Person) -> None:
    old = ada.record()
    ada.client.delete(f"{EXPENSES}/{ada.record()['id']}")
    archive = lines(ada.client.get(f"{EXPENSES}/archive"))
    assert [line["type"] for line in archive] == ["user", *["expense"] * 2, *["change"] * 3, "end"]
    assert archive[0]["id"] == ada.id
    since = ada.client.get("/api/v1/changes").json()["next_since"]
    unmeant = problem(ada.client.delete(EXPENSES), 422, "validation_error")
    assert unmeant["errors"][0]["parameter"] == "confirm"
    assert ada.list() != []
    assert ada.client.delete(EXPENSES, params={"confirm": "everything"}).status_code == 204
    assert ada.list() == []
    problem(ada.client.get(f"{EXPENSES}/{old['id']}/history"), 404, "not_found")
    problem(ada.client.get("/api/v1/changes", params={"since": since}), 410, "resync_required")
    assert [line["type"] for line in lines(ada.client.get(f"{EXPENSES}/archive"))] == ["user", "end"]
