import pytest
from msgspec import json

from expenses_service.errors import ValidationFailed
from expenses_service.expenses.schemas import ExpenseDraft
from expenses_service.idempotency.models import KeyedRequest
from expenses_service.idempotency.rules import fingerprint, lock_number, require_key
from tests.tokens import user_id


@pytest.mark.parametrize("key", ["a", "k" * 255, "!~", "0b1f-…".encode().hex()])
def test_a_key_of_visible_ascii_is_taken(key: str) -> None:
    assert require_key([key]) == key


@pytest.mark.parametrize("values", [[""], ["k" * 256], ["a b"], ["ä"], ["a\n"], ["a", "a"]])
def test_any_other_key_is_refused(values: list[str]) -> None:
    with pytest.raises(ValidationFailed) as error:
        require_key(values)
    assert [each.header for each in error.value.errors] == ["Idempotency-Key"]


def test_without_the_header_there_is_no_key() -> None:
    assert require_key([]) is None


def test_a_fingerprint_tells_query_and_body_apart() -> None:
    digests = {fingerprint(b"a", b"b"), fingerprint(b"ab", b""), fingerprint(b"", b"ab")}
    assert len(digests) == 3
    assert fingerprint(b"a", b"b") in digests


def test_keys_lock_apart_by_user_method_path_and_key() -> None:
    scopes = [
        (user_id(1), "POST", "/a", "k"),
        (user_id(2), "POST", "/a", "k"),
        (user_id(1), "PUT", "/a", "k"),
        (user_id(1), "POST", "/b", "k"),
        (user_id(1), "POST", "/a", "l"),
    ]
    numbers = {lock_number(KeyedRequest(*scope, b"")) for scope in scopes}
    assert len(numbers) == len(scopes)
    assert all(-(2**63) <= number < 2**63 for number in numbers)


def test_every_release_knows_a_request_that_another_has_answered() -> None:
    """Both are there in a rollout: these numbers may never change."""
    sent = """{"description": "Tee \\u00e0 la menthe", "tags": ["a", "b"], "amount": "12.30",
      "currency": "EUR", "spent_on": "2026-11-27", "notes": null, "metadata": {"k": "v"}}"""
    text = json.encode(ExpenseDraft.model_validate_json(sent).fields())
    assert text.decode() == (
        '{"amount":"12.30","currency":"EUR","spent_on":"2026-11-27",'
        '"description":"Tee à la menthe","tags":["a","b"],"notes":null,"metadata":{"k":"v"}}'
    )
    digest = fingerprint(b"", text)
    assert int.from_bytes(digest) == 0x44CEC4EC5CB47EC2E58C0DB54C224B45
    request = KeyedRequest(user_id(1), "POST", "/api/v1/expenses", "key-1", digest)
    assert lock_number(request) == -3773454972702804941
