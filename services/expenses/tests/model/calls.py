"""Writes as clients make them, and what the model makes of each."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tests.model import many
from tests.model.account import Account, Category
from tests.model.many import Lines
from tests.model.versions import EMPTY, Fields, Refused, Version, agree, drafted
from tests.model.web import Request

Effect = Callable[[Account, httpx.Response], None]
"""What an answer must be; an account that has become what it says."""


@dataclass(frozen=True)
class Call:
    """A write; `form` raises Refused for what no account could change."""

    request: Request
    effect: Effect
    form: Callable[[], object] = lambda: None

    def under(self, key: str | None) -> "Call":
        """With an Idempotency-Key."""
        if key is None:
            return self
        headers = {**self.request.headers, "Idempotency-Key": key}
        return replace(self, request=replace(self.request, headers=headers))

    @property
    def asked(self) -> object:
        """All that its key stands for."""
        request = self.request
        body = request.content or json.dumps(request.json, sort_keys=True)
        return sorted(request.query.items()), body, request.headers.get("Content-Type")


def shows(answer: httpx.Response, status: int, version: Version) -> None:
    """It is the expense as the write left it, by its version's entity tag."""
    assert answer.status_code == status, answer.text
    agree(answer.json(), version.document)
    assert answer.headers["etag"] == f'"{version.number}"'
    version.id = answer.json()["id"]


def refuses(answer: httpx.Response, refused: Refused) -> None:
    """It is that problem."""
    assert answer.status_code == refused.status, f"{refused}: {answer.text}"
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    if problem["code"] == "validation_error":
        assert problem["errors"][0]["code"] == refused.code, problem
    else:
        assert problem["code"] == refused.code, problem
    assert problem.get("current_version") == refused.version


# --- one expense ---------------------------------------------------------------------------------


def condition(tag: str | None) -> dict[str, str]:
    return {} if tag is None else {"If-Match": tag}


def versions_of(tag: str | None) -> list[int] | None:
    return None if tag is None else [int(tag.strip('"'))]


def create(sent: Fields) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        version = account.create(sent)
        shows(answer, 201, version)
        assert answer.headers["location"] == f"/api/v1/expenses/{version.id}"

    return Call(Request("POST", "/expenses", json=sent), effect, lambda: drafted(sent))


def patch(identifier: str, sent: Fields, tag: str | None) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        shows(answer, 200, account.patch(identifier, sent, versions_of(tag)))

    headers = condition(tag)
    return Call(Request("PATCH", f"/expenses/{identifier}", json=sent, headers=headers), effect)


def delete(identifier: str, tag: str | None) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        account.delete(identifier, versions_of(tag))
        assert (answer.status_code, answer.content) == (204, b""), answer.text

    return Call(Request("DELETE", f"/expenses/{identifier}", headers=condition(tag)), effect)


def restore(identifier: str, tag: str | None) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        shows(answer, 200, account.restore(identifier, versions_of(tag)))

    request = Request("POST", f"/expenses/{identifier}/restore", headers=condition(tag))
    return Call(request, effect)


def put(key: tuple[str, str], sent: Fields, tag: str | None, *, absent: bool, revive: bool) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        tags = versions_of(tag)
        shows(answer, *account.put(key, sent, tags, absent=absent, revive=revive))

    query = {"revive": "true"} if revive else {}
    headers = condition(tag) | ({"If-None-Match": "*"} if absent else {})
    path = "/expenses/by-external/{}/{}".format(*key)
    return Call(Request("PUT", path, query, json=sent, headers=headers), effect)


# --- many expenses -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """One of a bulk request."""

    document: Fields
    effect: many.Operation


def op_create(sent: Fields) -> Operation:
    return Operation({"op": "create", "expense": sent}, lambda it: (201, it.create(sent)))


def op_update(identifier: str, sent: Fields, version: int | None) -> Operation:
    named = {"op": "update", "id": identifier, "changes": sent} | stated(version)
    tags = None if version is None else [version]
    return Operation(named, lambda it: (200, it.patch(identifier, sent, tags)))


def op_delete(identifier: str, version: int | None) -> Operation:
    def effect(account: Account) -> tuple[int, None]:
        account.delete(identifier, None if version is None else [version])
        return 204, None

    return Operation({"op": "delete", "id": identifier} | stated(version), effect)


def stated(version: int | None) -> Fields:
    return {} if version is None else {"version": version}


def bulk(operations: Sequence[Operation], *, atomic: bool, dry_run: bool) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        effects = [each.effect for each in operations]
        outcomes = many.bulk(account, effects, atomic=atomic, dry_run=dry_run)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        told = [(it["status"], it["expense"], code_of(it["problem"])) for it in body["results"]]
        agree(told, outcomes)
        assert body["failed"] == sum(code is not None for *_, code in outcomes)

    body = {"operations": [each.document for each in operations], "dry_run": dry_run}
    body["mode"] = "atomic" if atomic else "partial"
    return Call(Request("POST", "/expenses/bulk", json=body), effect)


def code_of(problem: Fields | None) -> Any:  # noqa: ANN401 - a code or None
    """The one that says most."""
    if problem is None:
        return None
    told = problem["errors"][0] if problem["code"] == "validation_error" else problem
    return told["code"]


COLUMNS = ("id", "kind", "amount", "currency", "spent_on", "description", *EMPTY)


def import_file(
    lines: Lines, content: bytes, *, form: str, atomic: bool, dry_run: bool, make: bool
) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        done = many.take(account, lines, atomic=atomic, dry_run=dry_run, make=make)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        agree([(it["line"], it["code"]) for it in body.pop("errors")], done.faults)
        agree(body, done.document)

    query = {"mode": "atomic" if atomic else "partial"}
    query |= {"dry_run": "true"} if dry_run else {}
    query |= {"create_categories": "true"} if make else {}
    media = {"Content-Type": "text/csv" if form == "csv" else "application/x-ndjson"}
    request = Request("POST", "/expenses/import", query, content=content, headers=media)
    return Call(request, effect)


def as_file(rows: Sequence[Fields], form: str) -> tuple[Lines, bytes]:
    """In CSV all rows have all columns, in NDJSON each has its own members."""
    return as_csv(rows) if form == "csv" else as_ndjson(rows)


def as_csv(rows: Sequence[Fields]) -> tuple[Lines, bytes]:
    """The columns that any row names; the others have an empty cell there, which is null."""
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row.get(name)) for name in columns])
    sent = [{name: row.get(name) for name in columns} for row in rows]
    return list(enumerate(sent, 2)), text.getvalue().encode()


def cell(value: object) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def as_ndjson(rows: Sequence[Fields]) -> tuple[Lines, bytes]:
    return list(enumerate(rows, 1)), "".join(f"{json.dumps(row)}\n" for row in rows).encode()


# --- categories, and all of it -------------------------------------------------------------------


def shows_category(answer: httpx.Response, status: int, category: Category) -> None:
    assert answer.status_code == status, answer.text
    agree(answer.json(), category.document)


def add_category(slug: str, name: str) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        shows_category(answer, 201, account.add_category(slug, name))

    return Call(Request("POST", "/categories", json={"slug": slug, "name": name}), effect)


Seen = tuple[str, Fields]
"""The entity tag of a category, and the category that it stood for."""


def holds(seen: Seen | None) -> Callable[[Fields], bool]:
    return lambda document: seen is None or seen[1] == document


def change_category(slug: str, sent: Fields, seen: Seen | None) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        shows_category(answer, 200, account.change_category(slug, sent, holds(seen)))

    headers = condition(seen and seen[0])
    return Call(Request("PATCH", f"/categories/{slug}", json=sent, headers=headers), effect)


def drop_category(slug: str, target: str | None, seen: Seen | None) -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        account.drop_category(slug, target, holds(seen))
        assert (answer.status_code, answer.content) == (204, b""), answer.text

    query = {} if target is None else {"move_to": target}
    headers = condition(seen and seen[0])
    return Call(Request("DELETE", f"/categories/{slug}", query, headers=headers), effect)


def erase() -> Call:
    def effect(account: Account, answer: httpx.Response) -> None:
        account.erase()
        assert (answer.status_code, answer.content) == (204, b""), answer.text

    return Call(Request("DELETE", "/expenses", {"confirm": "everything"}), effect)
