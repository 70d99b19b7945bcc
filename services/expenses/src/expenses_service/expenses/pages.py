"""A page of the list on asyncpg itself, by a statement compiled and planned once for each form.

The statement is that of `repository.page_statement`, which SQLAlchemy would build anew for each
request, though it differs by its values alone: a list costs a third of the CPU without that.
"""

from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.dialects.postgresql.asyncpg import dialect

from expenses_service.direct import Direct
from expenses_service.expenses.filters import Filters
from expenses_service.expenses.repository import Page, Slice, page_statement, slice_values, values
from expenses_service.expenses.sorting import Sort

MOST_FORMS: Final = 256
"""A client can ask for more of them than are worth keeping; a form takes 10 KB."""

_DIALECT: Final = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own


_VALUES_MATTER: Final = {
    "spent_on": ("q", "updated_since", "currency", "min_amount", "max_amount"),
    "amount": ("q", "updated_since", "from_", "to"),
    "created_at": ("q", "updated_since", "from_", "to", "currency", "min_amount", "max_amount"),
}
"""By an index beside that of the order these may lead to few rows, or to all that there are."""


class _Statement(NamedTuple):
    """Its text, and for each of `$1`, `$2` … the name and, if it never changes, the value."""

    text: str
    parameters: tuple[tuple[str, Any], ...]


_statements: Final[dict[tuple[object, ...], _Statement]] = {}


def is_planned_once(filters: Filters, sort: Sort) -> bool:
    """Whether one plan is the best for all values: the user's rows in order, as far as it takes."""
    return all(getattr(filters, name) is None for name in _VALUES_MATTER[sort.column])


async def fetch_page(direct: Direct, user_id: UUID, filters: Filters, part: Slice) -> Page:
    """A slice of the user's live expenses that pass `filters`; a page that is planned once."""
    given = {**values(user_id, filters), **slice_values(part)}
    text, parameters = _statement(user_id, filters, part, given)
    [found] = await direct.fetch(text, *(given.get(name, value) for name, value in parameters))
    return Page(*found)


def _statement(user_id: UUID, filters: Filters, part: Slice, given: dict[str, Any]) -> _Statement:
    set_ = tuple((name, type(value)) for name, value in given.items() if value is not None)
    counted = part.total, part.total and filters.monthly()
    form = (set_, filters.tag_mode == "all", part.sort.column, part.sort.descending, *counted)
    statement = _statements.get(form)
    if statement is None:
        compiled = page_statement(user_id, filters, part).compile(dialect=_DIALECT)
        names = compiled.positiontup or []
        statement = _Statement(
            str(compiled), tuple((each, compiled.params[each]) for each in names)
        )
        if len(_statements) >= MOST_FORMS:
            _statements.clear()
        _statements[form] = statement
    return statement
