"""Histories made by hand, to judge the judge: what is told is added line by line, right or wrong."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from history.record import Call, Document, Final, History

ADA = "ada"
LIST = {"limit": "200", "include": "total"}


class Story:
    """Of one user. Calls take half a second and begin one after the other, if not said else."""

    def __init__(self, user: str = ADA) -> None:
        self.user = user
        self.calls: list[Call] = []
        self.log: list[Document] = []
        self.documents: list[Document] = []
        self.now = 0.0

    # --- what is written ---------------------------------------------------------------------------

    def write(self, action: str, name: str, **fields: Any) -> Document:
        """An entry of the log; the rest is as it was."""
        before: Document = next((each for each in reversed(self.documents) if each["id"] == name), NEW)
        document = {**before, "id": name, **fields, "version": before["version"] + 1, "deleted_at": None}
        if action == "deleted":
            document["deleted_at"] = "then"
        self.documents.append(document)
        shown = None if action == "deleted" else document
        self.log.append({"seq": len(self.log) + 1, "action": action, "id": name, "expense": shown})
        return document

    # --- what is asked -----------------------------------------------------------------------------

    def call(
        self, method: str, path: str, status: int | None = None, answer: Any = None, **told: Any
    ) -> Call:
        """One more call; `at` is when it began and ended."""
        start, end = told.pop("at", (self.now, self.now + 0.5))
        self.now += 1
        number = len(self.calls) + 1
        named = {"operation": number, "user": self.user, "client": f"{self.user}-1", **told}
        if isinstance(answer, dict) and "metadata" in answer:
            named.setdefault("etag", f'"{answer["version"]}"')
        whole = {"start": start, "end": end, "method": method, "path": path, **named}
        self.calls.append(Call(number=number, status=status, answer=answer, **whole))
        return self.calls[-1]

    def refuse(self, method: str, path: str, status: int, code: str, **told: Any) -> Call:
        version = {"current_version": told.pop("version")} if "version" in told else {}
        return self.call(method, path, status, {"code": code, **version}, **told)

    def create(self, name: str, **fields: Any) -> Document:
        """Asked, written and acknowledged."""
        body = draft(name, **fields)
        document = self.write("created", name, **body)
        self.call("POST", "/expenses", 201, document, body=body)
        return document

    def patch(self, name: str, mark: str, **told: Any) -> Document:
        body = {"notes": mark, "amount": told.pop("amount", "2.00")}
        document = self.write("updated", name, **body)
        self.call("PATCH", f"/expenses/{name}", 200, document, body=body, **told)
        return document

    def delete(self, name: str, **told: Any) -> None:
        self.write("deleted", name)
        self.call("DELETE", f"/expenses/{name}", 204, **told)

    def look(self, documents: Iterable[Document] | None = None, tag: str = "", **told: Any) -> Call:
        """What is live, or these."""
        items = list(self.live() if documents is None else documents)
        page = {"items": items, "total": len(items), "next_cursor": None}
        return self.call("GET", "/expenses", 200, page, query=LIST, etag=tag or f"of {items}", **told)

    def same(self, tag: str, **told: Any) -> Call:
        """The list has not changed."""
        return self.call("GET", "/expenses", 304, query=LIST, etag=tag, if_none_match=tag, **told)

    # --- how it ends -------------------------------------------------------------------------------

    def live(self) -> list[Document]:
        heads = {each["id"]: each for each in self.documents}
        return [each for each in heads.values() if each["deleted_at"] is None]

    def final(self, **other: Any) -> Final:
        histories = defaultdict(list)
        for change, document in zip(self.log, self.documents, strict=True):
            told = {"version": document["version"], "action": change["action"], "expense": document}
            histories[change["id"]].append(told)
        cents = sum(int(each["amount"].replace(".", "")) for each in self.live())
        sums = {"currency": "EUR", "total": f"{cents / 100:.2f}", "count": len(self.live())}
        groups = [{"key": {"category": "food"}, **sums}] if self.live() else []
        summary = {"groups": groups, "totals": [sums] if self.live() else []}
        plain = {"changes": self.log, "histories": dict(histories), "items": self.live()}
        return Final(**{"user": self.user, **plain, "summaries": {"category": summary}, **other})

    def history(self, **other: Any) -> History:
        return History(self.calls, [self.final(**other)])


NEW: Document = {
    "kind": "expense", "merchant": None, "tags": [], "payment_method": None, "notes": None, "metadata": {},
    "source": None, "external_id": None, "version": 0,
}  # fmt: skip


def draft(name: str, **fields: Any) -> Document:
    """What is sent for a new expense; its mark is its name."""
    plain = {"amount": "1.00", "currency": "EUR", "spent_on": "2026-05-01", "category": "food"}
    return {**plain, "description": "Lunch", "notes": f"mark of {name}", **fields}


Wrong = Callable[[Story], History | None]
"""Tells a story in which something is wrong, and how it ends if not as told."""


class Scenes:
    """Those of a module, each with the kind of violation that it has."""

    def __init__(self) -> None:
        self.all: list[tuple[Wrong, str]] = []

    def told_as(self, kind: str) -> Callable[[Wrong], Wrong]:
        """Add the one below."""

        def add(scene: Wrong) -> Wrong:
            self.all.append((scene, kind))
            return scene

        return add
