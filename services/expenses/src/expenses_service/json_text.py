"""Strict JSON (RFC 8259), wherever it stands: a body, a line of a file, a cell."""

import json
from decimal import Decimal

from expenses_service.errors import MalformedJson

MAX_MEMBERS = 1000


class NotJson(ValueError):
    """What is wrong with a text, and where, as what it is or has."""


def parse_json(body: bytes) -> object:
    """One JSON text in UTF-8. Raises MalformedJson; the detail says where."""
    try:
        return parse_text(body.decode())
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8 at byte {error.start}.") from None
    except NotJson as error:
        raise MalformedJson(f"The body {error}.") from None


def parse_text(text: str) -> object:
    """One JSON text: distinct member names, numbers by value as Decimal. Raises NotJson."""
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotJson(f"is not valid JSON at {where}: {error.msg}") from None
    except RecursionError:
        raise NotJson("is nested too deeply") from None
    except NotJson:
        raise
    except (ValueError, ArithmeticError):  # of Python's own limits on integers and exponents
        raise NotJson("has a number of too many digits") from None
    return value


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MAX_MEMBERS:
        raise NotJson(f"is not valid JSON: an object has more than {MAX_MEMBERS} members")
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson("is not valid JSON: an object has two members of one name")
    return members


def _refuse_constant(name: str) -> object:
    raise NotJson(f"is not valid JSON: {name} is not a JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_float=Decimal, parse_constant=_refuse_constant
)
