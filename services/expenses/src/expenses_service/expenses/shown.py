"""An expense as clients see it, put together by Postgres: the fast path of lists.

The text is what `documents.expense_body` makes of the same row, byte for byte. Postgres takes 4 µs
for it; to read the columns and make objects and JSON of them takes the service 12. JSON_SCALAR
knows the type it is given once and for all, `to_json` looks it up for each value.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, case, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.types import BigInteger, Text

from expenses_service.currencies.rules import CURRENCIES
from expenses_service.expenses.models import Expense, expenses

_USUAL_EXPONENT: Final = 2
_QUOTED: Final = frozenset({"id", "kind", "spent_on", "amount", "created_at"})
_AS_THEY_ARE: Final = frozenset({"id", "kind", "spent_on", "version"})
"""Their texts have nothing that JSON would escape."""
_SECOND_INSTANT: Final = "updated_at"
"""Written together with the one before it."""
_INSTANT: Final = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
"""Of a session in UTC."""


def shown() -> ColumnElement[str]:
    """The JSON of a live row of `expenses`."""
    return func.concat(*_pieces(), type_=Text)


def _pieces() -> Iterator[ColumnElement[Any]]:
    separator = "{"
    for name in Expense.__struct_fields__:
        if name == _SECOND_INSTANT:
            continue
        quote = '"' if name in _QUOTED else ""
        yield _constant(f'{separator}"{name}":{quote}')
        yield _value(name)
        separator = f"{quote},"
    yield _constant("}")


def _value(name: str) -> ColumnElement[Any]:
    column: ColumnElement[Any] = expenses.c[name]
    if name in _IN_THEIR_WAY:
        return _IN_THEIR_WAY[name](column)
    if name in _AS_THEY_ARE:
        return column
    quoted = func.to_json(column) if name == "tags" else func.json_scalar(column)
    return func.coalesce(cast(quoted, Text), _constant("null")) if column.nullable else quoted


def _amount(units: ColumnElement[int]) -> ColumnElement[str]:
    """Padded to the exponent of the currency; the most usual one needs no look at a list."""
    others: dict[int, list[ColumnElement[str]]] = {}
    for code, currency in CURRENCIES.items():
        if currency.exponent != _USUAL_EXPONENT:
            others.setdefault(currency.exponent, []).append(_constant(code))
    unusual = [each for codes in others.values() for each in codes]
    return case(
        (expenses.c.currency.not_in(unusual), _with_decimals(units, _USUAL_EXPONENT)),
        *(
            (expenses.c.currency.in_(codes), _with_decimals(units, exponent))
            for exponent, codes in others.items()
        ),
    )


def _with_decimals(units: ColumnElement[int], exponent: int) -> ColumnElement[str]:
    if exponent == 0:
        return cast(units, Text)
    one = literal_column(str(10**exponent), BigInteger)
    fraction = func.lpad(cast(units % one, Text), literal_column(str(exponent)), _constant("0"))
    return func.concat(units // one, _constant("."), fraction, type_=Text)


def _instants(created: ColumnElement[Any]) -> ColumnElement[str]:
    """Both: they are one until the expense is changed, which then is written once."""
    updated = expenses.c[_SECOND_INSTANT]
    between = f'","{_SECOND_INSTANT}":"'
    twice = func.replace(_constant(f"@{between}@"), _constant("@"), _instant(created), type_=Text)
    each = func.concat(_instant(created), _constant(between), _instant(updated), type_=Text)
    return case((created == updated, twice), else_=each)


def _instant(column: ColumnElement[Any]) -> ColumnElement[str]:
    text = func.to_char(column, _constant(_INSTANT))
    return func.replace(text, _constant(".000000Z"), _constant("Z"), type_=Text)


def _metadata(column: ColumnElement[Any]) -> ColumnElement[str]:
    """In the order of its keys' code points, which is that of their bytes."""
    nothing = _constant("{}")
    pair = func.jsonb_each_text(column).table_valued("key", "value", name="pair")
    member = func.concat(
        func.json_scalar(pair.c.key), _constant(":"), func.json_scalar(pair.c.value)
    )
    in_order = aggregate_order_by(_constant(","), pair.c.key.collate("C").asc())
    members = select(func.string_agg(member, in_order)).select_from(pair).scalar_subquery()
    some = func.concat(_constant("{"), members, _constant("}"), type_=Text)
    return case((column == nothing, nothing), else_=some)


def _nothing(_: ColumnElement[Any]) -> ColumnElement[str]:
    return _constant("null")


def _constant(text: str) -> ColumnElement[str]:
    """Part of the statement, whose parameters are then those of the query alone."""
    return literal_column("'" + text.replace("'", "''") + "'", Text)


_IN_THEIR_WAY: Final[Mapping[str, Callable[[ColumnElement[Any]], ColumnElement[str]]]] = {
    "amount": _amount,
    "created_at": _instants,
    "metadata": _metadata,
    "deleted_at": _nothing,
}
