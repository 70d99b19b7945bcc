import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expenses_service.currencies.money import (
    MAX_MINOR_UNITS,
    TEXT_PATTERN,
    AmountError,
    amount_text,
    minor_units,
    parse_amount,
)
from expenses_service.currencies.rules import CURRENCIES, find_currency, nearest_code

CODES = st.sampled_from(sorted(CURRENCIES))


@given(CODES, st.integers(1, MAX_MINOR_UNITS))
def test_every_amount_survives_the_way_out_and_back(code: str, units: int) -> None:
    assert minor_units(parse_amount(amount_text(units, code)), CURRENCIES[code]) == units


@given(CODES, st.integers(1, MAX_MINOR_UNITS))
def test_a_json_number_means_what_it_says(code: str, units: int) -> None:
    text = amount_text(units, code)
    number = json.loads(text, parse_float=Decimal)
    assert minor_units(parse_amount(number), CURRENCIES[code]) == units
    assert minor_units(parse_amount(json.loads(text)), CURRENCIES[code]) == units


@pytest.mark.parametrize(
    ("units", "code", "text"),
    [
        (1250, "JPY", "1250"),
        (1250, "EUR", "12.50"),
        (1250, "KWD", "1.250"),
        (1250, "CLF", "0.1250"),
        (1, "EUR", "0.01"),
        (-5, "EUR", "-0.05"),
        (0, "EUR", "0.00"),
        (10**18, "EUR", "10000000000000000.00"),
    ],
)
def test_output_is_padded_to_the_exponent(units: int, code: str, text: str) -> None:
    assert amount_text(units, code) == text


@pytest.mark.parametrize(
    ("value", "code", "units"),
    [
        ("12.5", "EUR", 1250),
        ("0012.50", "EUR", 1250),
        ("12", "JPY", 12),
        ("0.001", "KWD", 1),
        ("9999999999999.99", "EUR", MAX_MINOR_UNITS),
        ("999999999999999", "JPY", MAX_MINOR_UNITS),
        (12, "EUR", 1200),
        (12.5, "EUR", 1250),
        (Decimal("12.5000"), "EUR", 1250),
        (Decimal("1E2"), "EUR", 10000),
        (999999999999999, "JPY", MAX_MINOR_UNITS),
    ],
)
def test_accepted(value: object, code: str, units: int) -> None:
    assert minor_units(parse_amount(value), CURRENCIES[code]) == units


@pytest.mark.parametrize(
    ("value", "code", "refusal"),
    [
        ("12.505", "EUR", "amount_scale"),
        ("12.500", "EUR", "amount_scale"),
        ("12.0", "JPY", "amount_scale"),
        (Decimal("1E-400"), "EUR", "amount_scale"),
        ("0", "EUR", "amount_range"),
        ("0.00", "EUR", "amount_range"),
        ("-1.00", "EUR", "amount_range"),
        (-1, "EUR", "amount_range"),
        (0, "EUR", "amount_range"),
        ("10000000000000.00", "EUR", "amount_range"),
        ("9" * 41, "EUR", "amount_range"),
        ("9" * 40, "EUR", "amount_range"),
        (10**15, "JPY", "amount_range"),
        (10**400, "JPY", "amount_range"),
        (Decimal("1E+999999"), "EUR", "amount_range"),
        (Decimal("12.3400000000000001"), "EUR", "amount_range"),
        (Decimal("12.34000000000000000000000000000000000001"), "EUR", "amount_range"),
        ("1e2", "EUR", "amount_format"),
        ("NaN", "EUR", "amount_format"),
        ("Infinity", "EUR", "amount_format"),
        ("+1", "EUR", "amount_format"),
        ("1,000.00", "EUR", "amount_format"),
        ("12.", "EUR", "amount_format"),
        (".5", "EUR", "amount_format"),
        ("", "EUR", "amount_format"),
        (" 1", "EUR", "amount_format"),
        ("1\n", "EUR", "amount_format"),
        ("١٢", "EUR", "amount_format"),
        (float("nan"), "EUR", "amount_format"),
        (float("inf"), "EUR", "amount_format"),
        (True, "EUR", "amount_format"),
        (None, "EUR", "amount_format"),
        ([], "EUR", "amount_format"),
    ],
)
def test_refused(value: object, code: str, refusal: str) -> None:
    with pytest.raises(AmountError) as caught:
        minor_units(parse_amount(value), CURRENCIES[code])
    assert caught.value.code == refusal


def test_currencies_are_those_with_a_minor_unit() -> None:
    exponents = {code: CURRENCIES[code].exponent for code in ("JPY", "EUR", "KWD", "CLF")}
    assert exponents == {"JPY": 0, "EUR": 2, "KWD": 3, "CLF": 4}
    assert {currency.exponent for currency in CURRENCIES.values()} == {0, 2, 3, 4}
    assert not {"XXX", "XAU", "XTS", "XDR", "BGN", "HRK", "eur"} & set(CURRENCIES)
    assert list(CURRENCIES) == sorted(CURRENCIES)


def test_a_near_code_is_suggested() -> None:
    assert nearest_code("eur") == "EUR"
    assert nearest_code("EURO") == "EUR"
    assert nearest_code("?") is None
    assert find_currency("EUR") == CURRENCIES["EUR"]
    assert find_currency("XXX") is None


@pytest.mark.parametrize(
    ("text", "written_so"),
    [
        ("1", True),
        ("007.1000", True),
        ("0.0001", True),
        ("00.01", True),
        ("0.10", True),
        ("10.0", True),
        ("0", False),
        ("00.000", False),
        ("0.00001", False),
        ("1.00000", False),
        ("1.", False),
        (".5", False),
        ("-1", False),
    ],
)
def test_the_pattern_of_the_specification(text: str, *, written_so: bool) -> None:
    assert bool(re.fullmatch(TEXT_PATTERN, text)) == written_so
