"""The text of personal access tokens and what a request for one may say."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from auth_service.ids import uuid7
from auth_service.tokens import rules
from auth_service.tokens.schemas import NewToken

GOOD = {"name": "Report", "scopes": ["expenses:read"]}


def test_the_text_names_its_id_and_has_256_random_bits() -> None:
    token_id = uuid7()
    text = rules.new_text(token_id)
    assert re.fullmatch(r"ea_pat_[0-9a-f]{32}_[0-9a-f]{64}_[0-9a-f]{8}", text)
    assert rules.read_id(text) == token_id
    assert rules.new_text(token_id) != text
    assert rules.is_of(text, rules.digest(text))
    assert not rules.is_of(rules.new_text(token_id), rules.digest(text))


@pytest.mark.parametrize("position", [7, 20, 40, 60, 103, 105, 112])
def test_one_wrong_character_is_noticed(position: int) -> None:
    text = rules.new_text(uuid7())
    other = "0" if text[position] not in "0_" else "1"
    assert rules.read_id(text[:position] + other + text[position + 1 :]) is None


@pytest.mark.parametrize(
    "change", [str.upper, lambda t: t + "0", lambda t: t[:-1], lambda t: " " + t]
)
def test_another_form_is_no_token(change: object) -> None:
    assert callable(change)
    assert rules.read_id(change(rules.new_text(uuid7()))) is None
    assert rules.read_id("") is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": ""}, "string_too_short"),
        ({"name": "x" * 121}, "string_too_long"),
        ({"name": "   "}, "blank"),
        ({"name": "a\nb"}, "control_character"),
        ({"name": None}, "string_type"),
        ({"scopes": []}, "too_short"),
        ({"scopes": ["profile:write"]}, "literal_error"),
        ({"scopes": ["expenses:read", "expenses:read"]}, "duplicate_scope"),
        ({"scopes": "expenses:read"}, "list_type"),
        ({"expires_at": "2027-01-31"}, "invalid_instant"),
        ({"expires_at": "2027-01-31T12:00:00"}, "invalid_instant"),
        ({"expires_at": "2027-02-31T12:00:00Z"}, "invalid_instant"),
        ({"expires_at": 1_900_000_000}, "invalid_instant"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "not_in_future"),
    ],
)
def test_a_request_that_is_not_valid(changes: dict[str, object], code: str) -> None:
    with pytest.raises(ValidationError) as raised:
        NewToken.model_validate(GOOD | changes)
    assert raised.value.errors()[0]["type"] == code


def test_a_token_lives_up_to_366_days() -> None:
    edge = datetime.now(UTC) + timedelta(days=366)
    good = NewToken.model_validate(GOOD | {"expires_at": (edge - timedelta(minutes=1)).isoformat()})
    assert good.expires_at
    with pytest.raises(ValidationError, match="at most 366 days"):
        NewToken.model_validate(GOOD | {"expires_at": (edge + timedelta(minutes=1)).isoformat()})


def test_names_have_up_to_120_characters_of_any_kind() -> None:
    assert NewToken.model_validate(GOOD | {"name": "🧾" * 120}).name == "🧾" * 120


def test_all_three_scopes_together_in_any_order() -> None:
    form = NewToken.model_validate(GOOD | {"scopes": list(reversed(rules.SCOPES))})
    assert sorted(form.scopes) == sorted(rules.SCOPES)
    assert NewToken.model_validate(GOOD | {"expires_at": None}).expires_at is None
