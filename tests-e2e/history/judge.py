"""Judges one call after the other, in the order of their ends."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from history import views
from history.ledger import Ledger
from history.model import Answer, answer, given
from history.operations import Operation
from history.order import Order
from history.record import Call, Document

Found = Iterator[tuple[str, str]]


class Judge:
    """Of one user's calls."""

    def __init__(self, ledger: Ledger, operations: Mapping[int, Operation], order: Order) -> None:
        self._ledger = ledger
        self._operations = operations
        self._order = order
        self._documents: dict[tuple[str, str], tuple[Document, Call]] = {}
        self._keyed: dict[tuple[str, str], list[Call]] = defaultdict(list)
        for operation in operations.values():
            for call in operation.calls:
                if call.key is not None:
                    self._keyed[call.path, call.key].append(call)

    def of(self, call: Call) -> Found:
        """What is wrong with the answer, as kind and sentence."""
        if call.status == 500:
            yield "failed", f"{call} is never right, whatever is down"
        if call.silent:
            return
        if call.reads:
            yield from self._read(call)
            return
        yield from self._versions(call)
        if call.code == "idempotency_in_progress":
            yield from self._in_progress(call)
        elif call.code == "idempotency_key_reused":
            yield from self._reused(call)
        elif call.acknowledged:
            yield from self._repeated(call)
            yield from self._acknowledged(call, self._operations[call.operation])
        else:
            yield from self._refused(call, self._operations[call.operation])

    # --- reads -----------------------------------------------------------------------------------

    def _read(self, call: Call) -> Found:
        if call.status not in {200, 304, 404}:
            yield "answer", f"{call} had no reason"
            return
        document = call.answer
        if call.status != 404:
            yield from self._tag(call)
        if call.status == 304:
            document, _ = self._documents.get((call.target, call.etag or ""), (None, None))
            if document is None:
                return  # `_tag` has told
        view = views.shown(call, document)
        seen = [seq for seq in self._order.between(call) if self._shows(seq, call, view)]
        if seen:
            self._order.tell(call, seen[0])
        else:
            yield self._not_seen(call, view)

    def _shows(self, seq: int, call: Call, view: Any) -> bool:
        return bool(views.expected(self._ledger, seq, call) == view)

    def _tag(self, call: Call) -> Found:
        """One entity tag, one content."""
        tag = call.etag or ""
        if call.status == 304:
            if tag != call.if_none_match or (call.target, tag) not in self._documents:
                yield "tag", f"{call} confirms {tag}, which nobody was given for it"
            return
        first, giver = self._documents.setdefault((call.target, tag), (call.answer, call))
        if first != call.answer:
            yield "tag", f"{call} and {giver} have the same entity tag {tag} and another content"
        is_one = call.path.count("/") == 2 and not call.path.endswith("summary")
        if is_one and tag != f'"{call.answer["version"]}"':
            yield "tag", f"{call} has the entity tag {tag} and is version {call.answer['version']}"

    def _not_seen(self, call: Call, view: Any) -> tuple[str, str]:
        """Why no moment fits."""
        seen = [seq for seq in range(len(self._ledger.states)) if self._shows(seq, call, view)]
        least = self._order.least(call)
        if seen and seen[0] < least:
            old = [seq for seq in seen if seq < least][-1]
            return "stale", f"{call} shows change {old} only; change {least} {self._teller(call)}"
        if seen:
            return "order", f"{call} shows change {seen[0]}, which was asked for later"
        return "read", f"{call} shows what never was"

    # --- writes ----------------------------------------------------------------------------------

    def _versions(self, call: Call) -> Found:
        """What a write was told of an expense is what the log has of that version."""
        if not call.acknowledged or not isinstance(call.answer, dict):
            return
        told = [each["expense"] for each in call.answer.get("results", ())] or [call.answer]
        for document in filter(None, told):
            if "id" not in document:
                continue  # a bulk request without operations
            name = f"version {document['version']} of {document['id']}"
            kept = [each.document for each in self._ledger.of(document["id"])]
            if document["version"] > len(kept):
                yield "lost", f"{call} told of {name}, which is not in the log"
            elif kept[document["version"] - 1] != document:
                yield "content", f"{call} told another content of {name} than the log has"
            if call.etag is not None and call.etag != f'"{document["version"]}"':
                yield "tag", f"{call} has the entity tag {call.etag} and is {name}"

    def _acknowledged(self, call: Call, operation: Operation) -> Found:
        if operation.entries:
            yield from self._written(call, operation)
            return
        around, told = self._around(call, operation), given(call)
        fits = [
            entry.seq
            for entry in operation.candidates
            if entry.seq - 1 in around and self._answer(entry.seq - 1, call) == told
        ]
        fits += [seq for seq in around if self._changes_nothing(seq, call)]
        if fits:
            self._order.tell(call, min(fits))
        else:
            yield "lost", f"{call} was acknowledged, and no change of its time is it"

    def _around(self, call: Call, operation: Operation) -> range:
        """When it can have been done; what is told again was done by an earlier call."""
        first = operation.first if call.replayed else call
        return range(self._order.least(first), self._order.most(call) + 1)

    def _changes_nothing(self, seq: int, call: Call) -> bool:
        wanted = self._answer(seq, call)
        return wanted == given(call) and not wanted.writes

    def _written(self, call: Call, operation: Operation) -> Found:
        first, last = operation.entries[0].seq, operation.entries[-1].seq
        if first - 1 not in self._around(call, operation):
            least = self._order.least(call)
            yield "order", f"{call} is change {first}, though change {least} {self._teller(call)}"
        told = self._answer(first - 1, call)
        if told != given(call):
            yield "answer", f"{call} wrote change {first}, and had to be answered {told}"
        self._order.tell(call, last)

    def _refused(self, call: Call, operation: Operation) -> Found:
        around, told = self._order.between(call), given(call)
        if call.key is not None:
            around = self._before_it_was_kept(around, call, operation)
        fits = [seq for seq in around if self._answer(seq, call) == told]
        if fits:
            self._order.tell(call, fits[0])
            return
        wanted = sorted({str(self._answer(seq, call)) for seq in around})
        expected = " or ".join(wanted) or "the first answer again"
        yield "refusal", f"{call} is not justified: it had to be answered {expected}"

    def _before_it_was_kept(self, around: range, call: Call, operation: Operation) -> range:
        """From then on the key has an answer."""
        if any(each.acknowledged and each.end < call.start for each in operation.calls):
            return range(0)
        last = operation.entries[0].seq if operation.entries else around.stop
        return range(around.start, min(around.stop, last))

    def _answer(self, seq: int, call: Call) -> Answer:
        return answer(self._ledger.states[seq], call)

    # --- keys ------------------------------------------------------------------------------------

    def _repeated(self, call: Call) -> Found:
        """One key, one answer: the first is told again, and says so."""
        if call.key is None:
            return
        for other in self._keyed[call.path, call.key]:
            if other is call or not other.acknowledged:
                continue
            if other.operation != call.operation:
                if other.end < call.start:
                    yield "key", f"{call} has the key of {other} and asked for something else"
            elif other.answer != call.answer or other.status != call.status:
                if other.number < call.number:
                    yield "key", f"{call} and {other} have one key and another answer"
            elif other.end < call.start and not call.replayed:
                yield "key", f"{call} repeats {other} and does not say that it was answered before"

    def _in_progress(self, call: Call) -> Found:
        """The gateway sends what has a key and no body again when its connection breaks (its README)."""
        others = [each for each in self._keyed[call.path, call.key or ""] if each is not call]
        again = call.key is not None and call.body is None
        if not again and not any(
            each.start < call.end and (each.silent or each.end > call.start) for each in others
        ):
            yield "refusal", f"{call} is not justified: no other was at work"

    def _reused(self, call: Call) -> Found:
        others = [
            each
            for each in self._keyed[call.path, call.key or ""]
            if each.operation != call.operation and each.start < call.end and not each.refused
        ]
        if not others:
            yield "refusal", f"{call} is not justified: nobody had used the key"

    def _teller(self, call: Call) -> str:
        return f"was told by {self._order.teller(call)} before"
