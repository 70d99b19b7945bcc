"""What an import comes to, without a database."""

import re
from collections.abc import Collection, Iterable
from typing import Any, Final

from expenses_service.categories.errors import MAX_OWN, TooManyCategories
from expenses_service.categories.rules import (
    SLUG_PATTERN,
    USUAL,
    Category,
    added,
    brought_back,
    merge,
)
from expenses_service.errors import FieldError, ValidationFailed
from expenses_service.expenses.errors import ExternalIdTaken
from expenses_service.expenses.rules import unknown_category
from expenses_service.transfer.errors import Fault
from expenses_service.transfer.models import MAX_FAULTS, Imported, Plan, Reading, Refusal

MAX_NAME: Final = 60


def usable(own: Iterable[Category], named: Collection[str], *, create: bool) -> frozenset[str]:
    """Where rows may go: to open categories, and with `create` to those that are not there."""
    present = {category.slug: category for category in merge(own)}
    open_slugs = {slug for slug, category in present.items() if not category.archived}
    new = {slug for slug in named if slug not in present and re.fullmatch(SLUG_PATTERN, slug)}
    return frozenset(open_slugs | new if create else open_slugs)


def require_few_categories(own: Iterable[Category], planned: Iterable[str]) -> None:
    """Raise TooManyCategories if those of `planned` that are not there yet are too many."""
    made = {category.slug for category in own}.difference(USUAL)
    new = set(planned).difference(USUAL, made)
    if new and len(made) + len(new) > MAX_OWN:
        raise TooManyCategories


def lacking(own: Iterable[Category], used: Iterable[str], *, create: bool) -> list[Category]:
    """Those of `used` that are not there yet: with `create` made, with a name like their slug.

    Without it they are those of expenses that came back, and come back with them as archived ones.
    """
    rows = {row.slug: row for row in own}
    present = {category.slug for category in merge(rows.values())}
    absent = sorted(set(used) - present)
    if not create:
        return [brought_back(rows[slug]) for slug in absent]
    return [added(slug, _name(slug), rows.get(slug)) for slug in absent]


def _name(slug: str) -> str:
    return slug.replace("-", " ").capitalize()[:MAX_NAME]


def outcome(reading: Reading, plan: Plan) -> Imported:
    """Both together; the errors by line."""
    faults = [*reading.faults, *map(_fault, plan.refusals)]
    faults.sort(key=lambda fault: fault.line)
    return Imported(
        created=plan.created,
        updated=plan.updated,
        unchanged=plan.unchanged,
        failed=reading.failed + plan.refused,
        errors=faults[:MAX_FAULTS],
    )


def _fault(refusal: Refusal) -> Fault:
    line = refusal.line
    if refusal.code == "unknown_category":
        (error,) = unknown_category(refusal.category).errors
        return Fault(line, error.code, "/category", error.detail, error.suggestion)
    if refusal.code == "external_id_taken":
        return Fault(line, refusal.code, "/external_id", ExternalIdTaken.default_detail)
    return Fault(line, refusal.code, "", f"is the same expense as line {refusal.first}")


def refused_file(faults: Iterable[Fault]) -> ValidationFailed:
    """A file of which no row can be taken."""
    detail = "The file cannot be imported; see errors."
    return ValidationFailed(detail, errors=_errors(faults))


def refused_rows(result: Imported) -> ValidationFailed:
    """Rows that are not valid, in a file that shall go in as a whole or not at all."""
    detail = f"{result.failed} rows are not valid, so nothing was imported; see errors."
    nothing: dict[str, Any] = {"created": 0, "updated": 0, "unchanged": 0, "failed": result.failed}
    return ValidationFailed(detail, errors=_errors(result.errors), **nothing)


def _errors(faults: Iterable[Fault]) -> list[FieldError]:
    return [
        FieldError(
            fault.code, fault.detail, fault.pointer, suggestion=fault.suggestion, line=fault.line
        )
        for fault in faults
    ]
