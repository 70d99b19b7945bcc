"""Which currencies exist and how many decimals each has (ISO 4217)."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from expenses_service.currencies.iso4217 import TABLE


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency; `exponent` decimals make one minor unit (EUR 2, JPY 0, KWD 3, CLF 4)."""

    code: str
    name: str
    exponent: int


CURRENCIES: Final[Mapping[str, Currency]] = MappingProxyType(
    {code: Currency(code, name, exponent) for code, (name, exponent) in sorted(TABLE.items())}
)
"""Every active currency by its code, in the order of the codes."""


def find_currency(code: str) -> Currency | None:
    """The active currency with exactly this upper-case code, or None."""
    return CURRENCIES.get(code)


def nearest_code(code: str) -> str | None:
    """The code that was probably meant, for an error's suggestion: `eur` and `EURO` give `EUR`."""
    near = get_close_matches(code.strip().upper(), CURRENCIES, n=1, cutoff=0.8)
    return near[0] if near else None
