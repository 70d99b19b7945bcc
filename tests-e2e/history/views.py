"""What a read must show of a log at one of its numbers, and what an answer shows, in the same words."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from history.ledger import Ledger
from history.model import Version
from history.record import Call, Document

ABSENT = "404"
View = Any


def expected(ledger: Ledger, seq: int, call: Call) -> View:
    """After the change `seq`."""
    *_, name = call.path.split("/")
    if call.path == "/changes":
        return _feed(ledger.entries[:seq], int(call.query["since"]), int(call.query["limit"]))
    if call.path == "/expenses":
        return _listed(_chosen(ledger.live(seq), call))
    if name == "summary":
        return sums(_chosen(ledger.live(seq), call), call.query["group_by"])
    if name == "history":
        told = [entry for entry in ledger.of(call.path.split("/")[2]) if entry.seq <= seq]
        return [(entry.version, entry.action, entry.document) for entry in told] or ABSENT
    head = ledger.states[seq].get(name)
    return head.document if head is not None and head.live else ABSENT


def shown(call: Call, document: Any) -> View:
    """Of a document that the call was answered, or of the one whose entity tag a 304 confirmed."""
    if call.status == 404:
        return ABSENT
    *_, name = call.path.split("/")
    if call.path == "/changes":
        return (document["items"], document["next_since"], document["has_more"])
    if call.path == "/expenses":
        items = {item["id"]: item for item in document["items"]}
        return items, document["total"], document["next_cursor"]
    if name == "summary":
        return summed(document)
    if name == "history":
        return [(item["version"], item["action"], item["expense"]) for item in document["items"]]
    return document


def item(entry: Version) -> Document:
    """As one of /changes."""
    document = entry.document if entry.live else None
    return {"seq": entry.seq, "action": entry.action, "id": entry.id, "expense": document}


def _feed(entries: Sequence[Version], since: int, limit: int) -> View:
    some = entries[since : since + limit]
    last = some[-1].seq if some else len(entries)
    return ([item(entry) for entry in some], last, last < len(entries))


def _chosen(live: Iterable[Version], call: Call) -> list[Document]:
    """By the one filter that clients use."""
    category = call.query.get("category")
    return [head.document for head in live if category in {None, head.document["category"]}]


def _listed(documents: list[Document]) -> View:
    return {document["id"]: document for document in documents}, len(documents), None


def summed(document: Document) -> View:
    """A summary that was answered; where a group comes twice, the sum of both is no sum of expenses."""
    groups = sorted(
        (tuple(each["key"].values()), each["currency"], each["total"], each["count"])
        for each in document["groups"]
    )
    return groups, sorted((each["currency"], each["total"], each["count"]) for each in document["totals"])


def sums(documents: Iterable[Document], group_by: str) -> View:
    """A summary of these expenses."""
    groups: dict[tuple[tuple[str, ...], str], list[Decimal]] = defaultdict(list)
    totals: dict[str, list[Decimal]] = defaultdict(list)
    for each in documents:
        amount = Decimal(each["amount"]) * (-1 if each["kind"] == "refund" else 1)
        key = tuple(_key(each, name) for name in group_by.split(","))
        groups[key, each["currency"]].append(amount)
        totals[each["currency"]].append(amount)
    lines = sorted((key, currency, f"{sum(all_):.2f}", len(all_)) for (key, currency), all_ in groups.items())
    return lines, sorted((currency, f"{sum(all_):.2f}", len(all_)) for currency, all_ in totals.items())


def _key(document: Document, name: str) -> str:
    length = {"day": 10, "month": 7, "year": 4}.get(name)
    return str(document[name] if length is None else document["spent_on"][:length])
