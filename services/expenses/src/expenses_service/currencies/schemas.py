"""The list of currencies as clients see it."""

from pydantic import BaseModel


class CurrencyOut(BaseModel):
    """A currency; amounts in it have exactly `exponent` decimals."""

    code: str
    name: str
    exponent: int


class CurrencyList(BaseModel):
    """Every active currency, by code."""

    items: list[CurrencyOut]
