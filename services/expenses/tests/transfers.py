"""Files as tests send and read them."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import httpx

from tests.expense_calls import PATH

EXPORT = f"{PATH}/export"
IMPORT = f"{PATH}/import"
CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}
NOTHING = {"created": 0, "updated": 0, "unchanged": 0, "failed": 0, "errors": []}

Form = Literal["csv", "ndjson"]


def table(columns: str, *rows: Sequence[object]) -> str:
    """A CSV of these columns, named in one text."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows([columns.split(), *rows])
    return file.getvalue()


def documents(*rows: Mapping[str, object]) -> str:
    """An NDJSON of these rows."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)


async def sent(
    client: httpx.AsyncClient, body: str | bytes, query: str = "", **headers: str
) -> httpx.Response:
    """An import of CSV, or of NDJSON when the body looks like it."""
    form = NDJSON if body[:1] in ("{", b"{") else CSV
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(f"{IMPORT}?{query}", content=body, headers=form | named)


async def imported(client: httpx.AsyncClient, body: str | bytes, query: str = "") -> dict[str, Any]:
    """What an import did that is good."""
    response = await sent(client, body, query)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    return result


def done(**counts: int) -> dict[str, Any]:
    """The answer of an import without errors."""
    return NOTHING | counts


def faults(response: httpx.Response) -> list[tuple[int, str, str]]:
    """Lines, codes and pointers of what was refused, in either kind of answer."""
    return [(each["line"], each["code"], each["pointer"]) for each in response.json()["errors"]]


async def listed(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Every live expense, in the order of the list."""
    response = await client.get(f"{EXPORT}?format=ndjson")
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]
