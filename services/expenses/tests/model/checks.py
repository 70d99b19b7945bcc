"""What holds after any write: all that can be read is what the model has."""

import asyncio
import csv
import io
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from tests.model.account import documents
from tests.model.calls import COLUMNS
from tests.model.many import Lines
from tests.model.player import Person
from tests.model.questions import LISTS, SUMS, ListQuestion, SumQuestion
from tests.model.versions import Fields, Version, agree
from tests.model.web import Request, Web

Question = TypeVar("Question", ListQuestion, SumQuestion)

PAGE = 5
MOST = {"limit": "200", "include": "total"}


async def touched(web: Web, person: Person, made: Sequence[Version]) -> None:
    """Each expense that the last writes were about."""
    places = sorted({version.place for version in made})
    await asyncio.gather(*(single(web, person, place) for place in places))


async def whole(web: Web, person: Person, turn: int) -> None:
    """The account; some of the many lists and sums each time, all of them in the end."""
    await asyncio.gather(
        whole_list(web, person),
        *(walk(web, person, each) for each in some(LISTS, 2, turn)),
        *(sums(web, person, each) for each in some(SUMS, 4, turn)),
        feed(web, person),
        categories(web, person),
    )


def some(questions: Sequence[Question], count: int, turn: int) -> list[Question]:
    """The next ones at each turn."""
    return [questions[(count * turn + each) % len(questions)] for each in range(count)]


async def single(web: Web, person: Person, place: int) -> None:
    """The expense, if it is live, and its history in any case."""
    head = person.account.heads[place]
    shown = await web.read(person.token, f"/expenses/{head.id}")
    agree(shown, (head.document if head.live else None))
    history = await web.read(person.token, f"/expenses/{head.id}/history")
    agree(history, {"items": [version.told for version in person.account.versions(place)]})


async def whole_list(web: Web, person: Person) -> None:
    live = documents(person.account.live())
    shown = await web.read(person.token, "/expenses", MOST)
    expected = ListQuestion({}, lambda _: True, "-spent_on").answer(live)
    agree(shown, {"items": expected, "next_cursor": None, "total": len(live)})


async def walk(web: Web, person: Person, question: ListQuestion) -> None:
    """Page by page."""
    expected = question.answer(documents(person.account.live()))
    shown: list[Fields] = []
    cursor: dict[str, str] = {}
    query = question.parameters | {"limit": str(PAGE), "include": "total"}
    while True:
        page = await web.read(person.token, "/expenses", query | cursor)
        assert page["total"] == len(expected), question
        shown += page["items"]
        if page["next_cursor"] is None:
            break
        cursor["cursor"] = page["next_cursor"]
        assert len(page["items"]) == PAGE
    agree(shown, expected, question)


async def sums(web: Web, person: Person, question: SumQuestion) -> None:
    shown = await web.read(person.token, "/expenses/summary", question.parameters)
    agree(shown, question.answer(documents(person.account.live())), question)


async def feed(web: Web, person: Person) -> None:
    """From the beginning."""
    account = person.account
    shown = await web.read(person.token, "/changes", {"since": "0", "limit": "1000"})
    items = [version.change for version in account.log]
    agree(shown, {"items": items, "next_since": account.seq, "has_more": False})


async def categories(web: Web, person: Person) -> None:
    shown = await web.read(person.token, "/categories")
    agree(shown, {"items": person.account.listed_categories()})


async def erased(web: Web, person: Person, before: int) -> None:
    """Places in the log that was erased lead nowhere."""
    for since in {1, before} - {0}:
        answer = await web.send(person.token, Request("GET", "/changes", {"since": str(since)}))
        assert (answer.status_code, answer.json()["code"]) == (410, "resync_required")


async def exported(web: Web, person: Person, form: str) -> tuple[Lines, bytes]:
    """The whole account as a file; what an import will take of its lines."""
    answer = await web.send(person.token, Request("GET", "/expenses/export", {"format": form}))
    assert answer.status_code == 200, answer.text
    text = answer.content.decode()
    rows = from_csv(text) if form == "csv" else [json.loads(line) for line in text.splitlines()]
    live = documents(person.account.live())
    agree(rows, ListQuestion({}, lambda _: True, "-spent_on").answer(live))
    told = [{name: row[name] for name in COLUMNS} for row in rows]
    return list(enumerate(told, 2 if form == "csv" else 1)), answer.content


def from_csv(text: str) -> list[Fields]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [{name: _value(name, cell) for name, cell in row.items()} for row in rows]


def _value(name: str, cell: str) -> Any:  # noqa: ANN401 - as in JSON
    if cell == "":
        return None
    return json.loads(cell) if name in {"tags", "metadata", "version"} else cell
