"""Amounts: exact from the wire to minor units and back, never rounded."""

import re
from decimal import Decimal
from typing import Final

from expenses_service.currencies.rules import CURRENCIES, Currency

MAX_DIGITS: Final = 15
MAX_MINOR_UNITS: Final = 10**MAX_DIGITS - 1
MAX_TEXT: Final = 40
_FRACTION: Final = r"[1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9]"
TEXT_PATTERN: Final = rf"^(0*[1-9][0-9]*(\.[0-9]{{1,4}})?|0+\.({_FRACTION}))$"
"""For the specification: not zero, and no currency has more than four decimals."""

_TEXT: Final = re.compile(r"(?P<sign>-?)(?P<number>[0-9]+(\.[0-9]+)?)", re.ASCII)


class AmountError(ValueError):
    """Not an amount; `code` is one of amount_format, amount_range, amount_scale."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(detail)


def parse_amount(value: object) -> Decimal:
    """The exact value of a JSON string or number; of a string the trailing zeros count as decimals.

    Raises AmountError for anything but a positive decimal number.
    """
    if isinstance(value, str):
        return _positive(_parse_text(value))
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _positive(_parse_number(Decimal(value)))
    raise AmountError("amount_format", "must be a string of digits or a number")


def _parse_text(text: str) -> Decimal:
    match = _TEXT.fullmatch(text[: MAX_TEXT + 1])
    if match is None:
        raise AmountError("amount_format", "must be digits with at most one point: 12.50")
    if len(text) > MAX_TEXT:
        raise _range_error()
    return Decimal(text)


def _parse_number(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise AmountError("amount_format", "must be a finite number")
    if number.adjusted() > MAX_DIGITS:
        raise _range_error()
    significant = "".join(map(str, number.as_tuple().digits)).strip("0")
    if len(significant) > MAX_DIGITS:
        raise AmountError(
            "amount_range", f"must have at most {MAX_DIGITS} significant digits, as a number"
        )
    return number.normalize()


def _positive(amount: Decimal) -> Decimal:
    if amount <= 0:
        raise AmountError("amount_range", "must be greater than zero")
    return amount


def _range_error() -> AmountError:
    return AmountError("amount_range", f"must have at most {MAX_DIGITS} digits in minor units")


def minor_units(amount: Decimal, currency: Currency) -> int:
    """`amount` in minor units: 12.5 EUR are 1250, 12 JPY are 12.

    Raises AmountError when it has more decimals than the currency or more than 15 digits.
    """
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > currency.exponent:
        raise AmountError(
            "amount_scale", f"must have at most {currency.exponent} decimals in {currency.code}"
        )
    units = int(amount.scaleb(currency.exponent))
    if units > MAX_MINOR_UNITS:
        raise _range_error()
    return units


def amount_text(units: int, code: str) -> str:
    """Minor units as a decimal text padded to the exponent; also negative totals.

    Raises KeyError when `code` is no active currency.
    """
    exponent = CURRENCIES[code].exponent
    if exponent == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    digits = str(abs(units)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"
