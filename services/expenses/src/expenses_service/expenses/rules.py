"""What makes a valid expense out of what a client sent, without a database."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from expenses_service.categories.rules import USUAL
from expenses_service.currencies.money import AmountError, minor_units
from expenses_service.currencies.rules import CURRENCIES
from expenses_service.errors import FieldError, ValidationFailed
from expenses_service.expenses.models import Expense
from expenses_service.identifiers import Identifier
from expenses_service.randomness import random_block

DEFAULT_CATEGORY: Final = "other"
MAX_METADATA: Final = 50


def new_id(now: datetime) -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): milliseconds, then 74 random bits."""
    millis = int(now.timestamp() * 1000)
    random = int.from_bytes(random_block()) >> 54
    value = (millis << 80) | (7 << 76) | ((random >> 62) << 64) | (2 << 62) | (random & (2**62 - 1))
    return Identifier(value.to_bytes(16))


def new_expense(fields: Mapping[str, Any], *, today: date, now: datetime) -> Expense:
    """The first version of an expense from the fields of a draft.

    Raises ValidationFailed: amount_scale, amount_range, incomplete_external_id.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    expense = Expense(
        id=new_id(now),
        kind=given.get("kind", "expense"),
        amount=_units(given["amount"], given["currency"]),
        currency=given["currency"],
        spent_on=given.get("spent_on", today),
        description=given["description"],
        merchant=given.get("merchant"),
        category=given.get("category", DEFAULT_CATEGORY),
        tags=given.get("tags", []),
        payment_method=given.get("payment_method"),
        notes=given.get("notes"),
        metadata=given.get("metadata", {}),
        source=given.get("source"),
        external_id=given.get("external_id"),
        version=1,
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )
    _require_whole_external_id(expense)
    return expense


def under_key(fields: Mapping[str, Any], key: Mapping[str, str]) -> dict[str, Any]:
    """`fields` with the source and external id that a path gives; raises ValidationFailed."""
    others = [name for name, value in key.items() if fields.get(name) not in {None, value}]
    if others:
        detail = "must be the one in the path, or be left out"
        raise ValidationFailed(
            errors=[FieldError("not_as_in_path", detail, pointer=f"/{name}") for name in others]
        )
    return {**fields, **key}


def check_changes(fields: Mapping[str, Any]) -> None:
    """What can be said of a patch without the expense; raises ValidationFailed."""
    if "currency" not in fields:
        return
    if "amount" not in fields:
        detail = "must come with a change of currency"
        raise ValidationFailed(errors=[FieldError("amount_required", detail, pointer="/amount")])
    _units(fields["amount"], fields["currency"])


def merged(current: Expense, fields: Mapping[str, Any]) -> Expense:
    """`current` with a merge patch applied (RFC 7396), its version and instants as they were.

    Raises ValidationFailed: amount_scale, amount_range, too_long, incomplete_external_id.
    """
    values = dict(fields)
    for name, cleared in (("category", DEFAULT_CATEGORY), ("tags", [])):
        if name in values and values[name] is None:
            values[name] = cleared
    if "amount" in values:
        values["amount"] = _units(values["amount"], values.get("currency", current.currency))
    if "metadata" in values:
        values["metadata"] = _merged_metadata(current.metadata, values["metadata"])
    expense = replace(current, **values)
    _require_whole_external_id(expense)
    return expense


def replaced(current: Expense, fields: Mapping[str, Any]) -> Expense:
    """`current` with the fields of a draft in place of all its own, its version as it was.

    What the draft leaves out has its default, but the day stays: sent again tomorrow, the same
    draft changes nothing. Raises ValidationFailed like `new_expense`.
    """
    draft = new_expense(fields, today=current.spent_on, now=current.created_at)
    kept = ("id", "version", "created_at", "updated_at", "deleted_at")
    return replace(draft, **{name: getattr(current, name) for name in kept})


def unknown_category(slug: str) -> ValidationFailed:
    """The refusal of a category that takes no expenses of this user."""
    near = get_close_matches(slug, USUAL, n=1)
    detail = "is no category of yours that takes new expenses"
    return ValidationFailed(
        errors=[
            FieldError(
                "unknown_category",
                detail,
                pointer="/category",
                suggestion=near[0] if near and near[0] != slug else None,
            )
        ]
    )


def _units(amount: Decimal, code: str) -> int:
    try:
        return minor_units(amount, CURRENCIES[code])
    except AmountError as error:
        raise ValidationFailed(
            errors=[FieldError(error.code, error.detail, pointer="/amount")]
        ) from None


def _merged_metadata(
    current: Mapping[str, str], changes: Mapping[str, str | None] | None
) -> dict[str, str]:
    if changes is None:
        return {}
    both = {**current, **changes}
    merged_members = {key: value for key, value in both.items() if value is not None}
    if len(merged_members) > MAX_METADATA:
        detail = f"must have at most {MAX_METADATA} members"
        raise ValidationFailed(errors=[FieldError("too_long", detail, pointer="/metadata")])
    return merged_members


def _require_whole_external_id(expense: Expense) -> None:
    if (expense.source is None) == (expense.external_id is None):
        return
    missing = "source" if expense.source is None else "external_id"
    detail = "must come together with the other of source and external_id"
    raise ValidationFailed(
        errors=[FieldError("incomplete_external_id", detail, pointer=f"/{missing}")]
    )
