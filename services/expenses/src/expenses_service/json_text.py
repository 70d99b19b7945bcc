"""Strict JSON (RFC 8259), wherever it stands: a body, a line, a cell."""

import json
from decimal import Decimal

from expenses_service.errors import MalformedJson

MAX_MEMBERS = 10_000


def parse_json(body: bytes) -> object:
    """One JSON text in UTF-8 (RFC 8259): distinct member names, numbers by value as Decimal.

    Raises:
        MalformedJson: it is not; the detail says where.
    """
    try:
        return json.loads(
            body.decode(),
            object_pairs_hook=_distinct,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedJson(f"The body is not valid JSON at {where}: {error.msg}.") from None
    except RecursionError:
        raise MalformedJson("The body is nested too deeply.") from None
    except _Refused as error:
        raise MalformedJson(f"The body is not valid JSON: {error}.") from None
    except ValueError:  # of Python's own limit on integers, in its own words
        raise MalformedJson("The body has a number of too many digits.") from None


class _Refused(ValueError):
    """What JSON allows, or Python, and this product does not."""


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MAX_MEMBERS:
        raise _Refused(f"an object has more than {MAX_MEMBERS} members")
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("an object has two members of one name")
    return members


def _refuse_constant(name: str) -> object:
    raise _Refused(f"{name} is not a JSON number")
