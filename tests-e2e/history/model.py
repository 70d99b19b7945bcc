"""What a write must be answered, and what it must write, on expenses as they are at one moment.

Plain Python of what the contract says, and nothing of the service. Writes are those that clients of a
history make: amounts are padded, categories of the usual set, and each but a deletion or a restoration
leaves its own mark in `notes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from history.record import Call, Document

EMPTY: Document = {
    "kind": "expense", "merchant": None, "tags": [], "payment_method": None, "notes": None, "metadata": {},
    "source": None, "external_id": None,
}  # fmt: skip
FIELDS = (*EMPTY, "amount", "currency", "spent_on", "description", "category")


@dataclass(frozen=True)
class Version:
    """One entry of the log of changes: an expense as that write left it."""

    seq: int
    action: str
    id: str
    version: int
    document: Document

    @property
    def live(self) -> bool:
        return self.action != "deleted"

    @property
    def fields(self) -> Document:
        return {name: self.document[name] for name in FIELDS}

    @property
    def mark(self) -> str | None:
        mark: str | None = self.document["notes"]
        return mark


Heads = Mapping[str, Version]
"""The last version of each expense, by id."""


@dataclass(frozen=True)
class Write:
    """What one entry must be; of a new expense the id is not known before."""

    action: str
    id: str | None
    version: int
    fields: Document

    def is_in(self, entry: Version) -> bool:
        same = (self.action, self.version) == (entry.action, entry.version) and self.id in {None, entry.id}
        return same and not self.differs(entry)

    def differs(self, entry: Version) -> list[str]:
        """The fields that are not as they have to be."""
        return [name for name in FIELDS if self.fields[name] != entry.fields[name]]


@dataclass(frozen=True)
class Answer:
    """The status, the code of a refusal, what 412 says the version is, the statuses in a bulk, the writes."""

    status: int
    code: str | None = None
    version: int | None = None
    results: tuple[int, ...] = ()
    writes: tuple[Write, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        said = [str(self.status), self.code, self.version and f"(version {self.version})"]
        said += [str(self.results)] if self.results else []
        return " ".join(str(each) for each in said if each)


NOT_FOUND = Answer(404, "not_found")


def given(call: Call) -> Answer:
    """What the call was answered, in the same words."""
    assert call.status is not None
    if not isinstance(call.answer, dict):
        return Answer(call.status)
    results = tuple(each["status"] for each in call.answer.get("results", ()))
    return Answer(call.status, call.code, call.answer.get("current_version"), results)


def answer(heads: Heads, call: Call) -> Answer:
    """What a write must be answered there."""
    if call.path == "/expenses/bulk":
        assert call.body is not None
        return _bulk(heads, call.body)
    version = None if call.if_match is None else int(call.if_match.strip('"'))
    if call.method == "PUT":
        source, external_id = call.path.split("/")[-2:]
        sent = {**(call.body or {}), "source": source, "external_id": external_id}
        return _put(heads, sent, version, revive=call.query.get("revive") == "true")
    if call.path == "/expenses":
        return _create(heads, call.body or {})
    identifier = call.path.split("/")[2]
    if call.method == "PATCH":
        return _patch(heads, identifier, version, call.body or {})
    if call.method == "DELETE":
        return _delete(heads, identifier, version)
    return _restore(heads, identifier, version)


def _create(heads: Heads, sent: Document) -> Answer:
    if _named(heads, sent) is not None:
        return Answer(409, "external_id_taken")
    return Answer(201, writes=(Write("created", None, 1, EMPTY | sent),))


def _patch(heads: Heads, identifier: str, version: int | None, sent: Document) -> Answer:
    head = heads.get(identifier)
    if head is None or not head.live:
        return NOT_FOUND
    return _stale(head, version) or _changed(head, head.fields | sent)


def _delete(heads: Heads, identifier: str, version: int | None) -> Answer:
    head = heads.get(identifier)
    if head is None or not head.live:
        return NOT_FOUND
    return _stale(head, version) or Answer(204, writes=(_next(head, "deleted", head.fields),))


def _restore(heads: Heads, identifier: str, version: int | None) -> Answer:
    head = heads.get(identifier)
    if head is None:
        return NOT_FOUND
    if (stale := _stale(head, version)) is not None:
        return stale
    return Answer(200, writes=() if head.live else (_next(head, "restored", head.fields),))


def _put(heads: Heads, sent: Document, version: int | None, *, revive: bool) -> Answer:
    head, fields = _named(heads, sent), EMPTY | sent
    if head is None:
        created = Answer(201, writes=(Write("created", None, 1, fields),))
        return created if version is None else Answer(412, "version_conflict")
    if not head.live and not revive:
        return Answer(409, "deleted")
    if (stale := _stale(head, version)) is not None:
        return stale
    return _changed(head, fields) if head.live else Answer(200, writes=(_next(head, "restored", fields),))


def _bulk(heads: Heads, sent: Document) -> Answer:
    """In order, each operation on what the ones before it left."""
    now, answers = dict(heads), []
    for place, operation in enumerate(sent["operations"]):
        told = _operation(now, operation)
        answers.append(told)
        for write in told.writes:
            name = write.id or f"new {place}"
            now[name] = Version(0, write.action, name, write.version, write.fields)
    if sent.get("mode", "atomic") == "atomic" and any(each.status >= 400 for each in answers):
        return Answer(422, "validation_error")
    writes = tuple(write for each in answers for write in each.writes)
    return Answer(200, results=tuple(each.status for each in answers), writes=writes)


def _operation(heads: Heads, sent: Document) -> Answer:
    if sent["op"] == "create":
        return _create(heads, sent["expense"])
    if sent["op"] == "update":
        return _patch(heads, sent["id"], sent.get("version"), sent["changes"])
    return _delete(heads, sent["id"], sent.get("version"))


def _changed(head: Version, fields: Document) -> Answer:
    return Answer(200, writes=() if fields == head.fields else (_next(head, "updated", fields),))


def _next(head: Version, action: str, fields: Document) -> Write:
    return Write(action, head.id, head.version + 1, fields)


def _stale(head: Version, version: int | None) -> Answer | None:
    if version in {None, head.version}:
        return None
    return Answer(412, "version_conflict", head.version)


def _named(heads: Heads, sent: Document) -> Version | None:
    """Who has the external id that is sent, live or deleted."""
    name = (sent.get("source"), sent.get("external_id"))
    if name == (None, None):
        return None
    same = (head for head in heads.values() if name == (head.fields["source"], head.fields["external_id"]))
    return next(same, None)


def marks(body: Document | None) -> list[str]:
    """What the writes of a body leave in `notes`."""
    if body is None:
        return []
    operations: Sequence[Any] = body.get("operations", ())
    inside = [operation.get("expense", operation.get("changes")) for operation in operations]
    return [each["notes"] for each in (body, *inside) if each and each.get("notes")]
