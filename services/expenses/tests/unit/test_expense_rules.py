import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from expenses_service.errors import ValidationFailed
from expenses_service.expenses import rules
from expenses_service.expenses.documents import document
from expenses_service.expenses.schemas import ExpenseChanges, ExpenseDraft, ExpenseOut
from tests.ledger import expense

NOW = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
TODAY = date(2026, 11, 25)
DRAFT: dict[str, Any] = {"amount": Decimal("12.5"), "currency": "EUR", "description": "Lunch"}


def codes(error: pytest.ExceptionInfo[ValidationFailed]) -> list[tuple[str, str | None]]:
    return [(each.code, each.pointer) for each in error.value.errors]


def test_a_draft_is_completed() -> None:
    made = rules.new_expense(DRAFT, today=TODAY, now=NOW)
    assert made.amount == 1250
    assert (made.kind, made.category, made.spent_on) == ("expense", "other", TODAY)
    assert (made.version, made.created_at, made.updated_at) == (1, NOW, NOW)
    assert (made.tags, made.metadata, made.deleted_at) == ([], {}, None)


def test_null_is_as_good_as_absent_in_a_draft() -> None:
    nulls = dict.fromkeys(("spent_on", "category", "tags", "metadata", "notes", "source"))
    made = rules.new_expense(DRAFT | nulls, today=TODAY, now=NOW)
    assert (made.category, made.spent_on, made.tags, made.metadata) == ("other", TODAY, [], {})


def test_an_id_has_74_random_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "random_block", lambda: b"\xff" * 16)
    made = rules.new_id(datetime.fromtimestamp(0, UTC))
    assert str(made) == "00000000-0000-7fff-bfff-ffffffffffff"


@given(st.datetimes(datetime(2000, 1, 1), datetime(2900, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_ids_are_version_7_and_in_order_of_time(now: datetime) -> None:
    made = rules.new_id(now)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(now.timestamp() * 1000)
    assert made != rules.new_id(now)
    plain = UUID(str(made))
    assert made == plain == pickle.loads(pickle.dumps(made))  # noqa: S301 - of our own
    assert ({made: 1}[plain], {plain: 1}[made], json.encode(made)) == (1, 1, json.encode(plain))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount": Decimal("1.005")}, ("amount_scale", "/amount")),
        ({"amount": Decimal(10**14)}, ("amount_range", "/amount")),
        ({"source": "bank"}, ("incomplete_external_id", "/external_id")),
        ({"external_id": "7"}, ("incomplete_external_id", "/source")),
    ],
)
def test_a_draft_is_refused(fields: dict[str, Any], problem: tuple[str, str]) -> None:
    with pytest.raises(ValidationFailed) as error:
        rules.new_expense(DRAFT | fields, today=TODAY, now=NOW)
    assert codes(error) == [problem]


def test_a_change_of_currency_carries_the_amount() -> None:
    with pytest.raises(ValidationFailed) as error:
        rules.check_changes({"currency": "USD"})
    assert codes(error) == [("amount_required", "/amount")]
    with pytest.raises(ValidationFailed) as error:
        rules.check_changes({"currency": "JPY", "amount": Decimal("1.5")})
    assert codes(error) == [("amount_scale", "/amount")]
    rules.check_changes({"amount": Decimal("1.5")})


def test_absent_keeps_and_null_clears() -> None:
    full = expense(
        merchant="Café",
        notes="n",
        payment_method="card",
        tags=["a"],
        metadata={"k": "v"},
        source="bank",
        external_id="7",
    )
    assert rules.merged(full, {}) == full
    names = ("merchant", "notes", "payment_method", "tags", "metadata", "source", "external_id")
    bare = rules.merged(full, dict.fromkeys((*names, "category")))
    assert [getattr(bare, name) for name in names] == [None, None, None, [], {}, None, None]
    assert bare.category == "other"
    assert (bare.version, bare.updated_at, bare.amount) == (1, full.updated_at, full.amount)


def test_an_amount_is_taken_in_the_currency_that_stands() -> None:
    yen = expense(currency="JPY", amount=1250)
    assert rules.merged(yen, {"amount": Decimal(13)}).amount == 13
    assert rules.merged(yen, {"amount": Decimal(13), "currency": "EUR"}).amount == 1300
    with pytest.raises(ValidationFailed) as error:
        rules.merged(yen, {"amount": Decimal("12.5")})
    assert codes(error) == [("amount_scale", "/amount")]


VALUES = st.dictionaries(st.text("abc", min_size=1, max_size=2), st.none() | st.text("xy"))


@given(VALUES, VALUES)
def test_metadata_is_merged_as_rfc_7396_says(before: dict[str, Any], patch: dict[str, Any]) -> None:
    current = {key: value for key, value in before.items() if value is not None}
    wanted = dict(current)
    for key, value in patch.items():
        if value is None:
            wanted.pop(key, None)
        else:
            wanted[key] = value
    assert rules.merged(expense(metadata=current), {"metadata": patch}).metadata == wanted


def test_merged_metadata_has_at_most_fifty_members() -> None:
    full = expense(metadata={f"k{n}": "v" for n in range(50)})
    swapped = rules.merged(full, {"metadata": {"k0": None, "new": "v"}})
    assert len(swapped.metadata) == 50
    with pytest.raises(ValidationFailed) as error:
        rules.merged(full, {"metadata": {"new": "v"}})
    assert codes(error) == [("too_long", "/metadata")]


def test_half_an_external_id_is_refused_after_the_merge() -> None:
    with pytest.raises(ValidationFailed) as error:
        rules.merged(expense(source="bank", external_id="7"), {"source": None})
    assert codes(error) == [("incomplete_external_id", "/source")]


def test_a_near_category_is_suggested() -> None:
    assert rules.unknown_category("fod").errors[0].suggestion == "food"
    assert rules.unknown_category("food").errors[0].suggestion is None
    assert rules.unknown_category("zzz").errors[0].suggestion is None


def test_a_document_has_the_declared_fields_in_order() -> None:
    fields = document(expense(amount=5, metadata={"b": "2", "a": "1"}))
    assert list(fields) == list(ExpenseOut.model_fields)
    assert fields["amount"] == "0.05"
    assert list(fields["metadata"]) == ["a", "b"]


def test_draft_and_changes_take_the_same_fields() -> None:
    assert set(ExpenseDraft.model_fields) == set(ExpenseChanges.model_fields)


def test_a_replacement_keeps_what_is_not_the_clients_and_the_day() -> None:
    before = expense(notes="n", spent_on=date(2020, 2, 29), version=7, category="food")
    after = rules.replaced(before, DRAFT)
    assert (after.notes, after.category, after.amount) == (None, "other", 1250)
    for name in ("id", "version", "created_at", "updated_at", "deleted_at", "spent_on"):
        assert getattr(after, name) == getattr(before, name)
    assert rules.replaced(after, DRAFT) == after
    assert rules.replaced(after, DRAFT | {"spent_on": TODAY}).spent_on == TODAY


def test_a_body_may_repeat_the_names_of_its_path() -> None:
    key = {"source": "bank", "external_id": "7"}
    for body in (DRAFT, DRAFT | key, DRAFT | {"source": None}):
        assert rules.under_key(body, key) == DRAFT | key
    with pytest.raises(ValidationFailed) as error:
        rules.under_key(DRAFT | {"source": "other", "external_id": "7"}, key)
    assert codes(error) == [("not_as_in_path", "/source")]
