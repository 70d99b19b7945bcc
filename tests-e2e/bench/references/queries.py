"""The service's SQL without the service: raw asyncpg, prepared statements, no HTTP.

`queries.py FILE`, a JSON of clients, seconds, users and statements; the PG… variables say where. It
prints what it did. Runs in the environment of the expenses service, so that asyncpg and uvloop are the
ones that the service has.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import uvloop

Make = Callable[[Mapping[str, str]], Any]
FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "uuid": UUID,
    "int2": int,
    "int4": int,
    "int8": int,
    "numeric": Decimal,
    "float8": float,
    "bool": lambda text: text == "t",
    "text": str,
    "varchar": str,
    "json": str,
    "jsonb": str,
    "bytea": lambda text: bytes.fromhex(text.removeprefix(r"\x")),
    "date": date.fromisoformat,
    "timestamptz": datetime.fromisoformat,
}
ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,]+)')
"""Of an array: in quotes, with backslashes, or plain (PostgreSQL, 8.15.6)."""
FAR_AHEAD = date(2100, 1, 1)
DAYS = 300_000


def reader(kind: str) -> Callable[[str], Any]:
    """How Postgres's text of this type is read, arrays of one dimension too."""
    if not kind.endswith("[]"):
        return FROM_TEXT[kind]
    one = FROM_TEXT[kind.removesuffix("[]")]

    def read(text: str) -> list[Any]:
        items = (found.groups() for found in ELEMENT.finditer(text[1:-1]))
        return [
            None if plain == "NULL" else one(plain or re.sub(r"\\(.)", r"\1", quoted))
            for quoted, plain in items
        ]

    return read


def maker(kind: str, text: str | None) -> Make:
    """How a parameter is made for one execution: once and for all where it has no place."""
    if text is None:
        return lambda _: None
    read = reader(kind)
    if "@" not in text:
        value = read(text)
        return lambda _: value

    def make(values: Mapping[str, str]) -> Any:
        filled = text
        for place, value in values.items():
            filled = filled.replace(place, value)
        return read(filled)

    return make


class Client:
    """One connection that runs the statements again and again."""

    def __init__(self, connection: Any, users: Sequence[str]) -> None:
        self._connection = connection
        self._users = users
        self._steps: list[tuple[Any, list[Make]] | str] = []
        self._days = random.randrange(DAYS)

    async def prepare(self, statements: Sequence[Mapping[str, Any]]) -> None:
        """Prepared statements, but for BEGIN and COMMIT."""
        for one in statements:
            if one["sql"].upper().startswith(("BEGIN", "COMMIT", "ROLLBACK")):
                self._steps.append(one["sql"])
                continue
            prepared = await self._connection.prepare(one["sql"])
            kinds = [kind.name for kind in prepared.get_parameters()]
            makes = [maker(kind, text) for kind, text in zip(kinds, one["parameters"], strict=True)]
            self._steps.append((prepared, makes))

    async def once(self) -> None:
        """One execution of all of them."""
        self._days = (self._days + 1) % DAYS
        values = {
            "@user@": random.choice(self._users),
            "@id@": str(uuid4()),
            "@key@": uuid4().hex,
            "@lock@": str(random.getrandbits(62)),
            "@date@": str(FAR_AHEAD + timedelta(self._days)),
        }
        for step in self._steps:
            if isinstance(step, str):
                await self._connection.execute(step)
            else:
                prepared, makes = step
                await prepared.fetch(*[make(values) for make in makes])

    async def until(self, end: float) -> int:
        """How often that was done before `end`."""
        done = 0
        while time.monotonic() < end:
            await self.once()
            done += 1
        return done


async def run(job: Mapping[str, Any]) -> dict[str, float]:
    """All clients at once."""
    clients = []
    for _ in range(job["clients"]):
        connection = await asyncpg.connect(server_settings={"timezone": "UTC"})
        client = Client(connection, job["users"])
        await client.prepare(job["statements"])
        await client.once()
        clients.append(client)
    started, cpu = time.monotonic(), time.process_time()
    end = started + job["seconds"]
    done = sum(await asyncio.gather(*(client.until(end) for client in clients)))
    seconds, used = time.monotonic() - started, time.process_time() - cpu
    return {"rate": done / seconds, "cpu_us": used / done * 1e6}


def main() -> None:
    """Print what was done as JSON."""
    job = json.loads(Path(sys.argv[1]).read_text())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(run(job))))


if __name__ == "__main__":
    main()
