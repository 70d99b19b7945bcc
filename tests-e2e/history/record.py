"""What clients asked and were told, a line of JSON for each call, so that a history can be judged again."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Document = dict[str, Any]


def target_of(path: str, query: Mapping[str, str]) -> str:
    """The path with its parameters, in their order."""
    pairs = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{path}?{pairs}" if pairs else path


@dataclass(frozen=True)
class Call:
    """One request through the gateway; a retry has the `operation` of what it repeats.

    Times are seconds of one clock, `end` when the answer was complete or no longer waited for. Without an
    answer `status` is None. Paths begin after `/api/v1`.
    """

    number: int
    operation: int
    user: str
    client: str
    start: float
    end: float
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Document | None = None
    key: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    status: int | None = None
    etag: str | None = None
    replayed: bool = False
    answer: Any = None

    @property
    def reads(self) -> bool:
        return self.method == "GET"

    @property
    def silent(self) -> bool:
        """Nobody knows what became of it: no answer, or one that does not say."""
        return self.status is None or self.status >= 500

    @property
    def acknowledged(self) -> bool:
        return self.status is not None and self.status < 300

    @property
    def refused(self) -> bool:
        return self.status is not None and 400 <= self.status < 500

    @property
    def code(self) -> str | None:
        """Of a problem."""
        return self.answer["code"] if self.refused and isinstance(self.answer, dict) else None

    @property
    def target(self) -> str:
        return target_of(self.path, self.query)

    def __str__(self) -> str:
        named = {"Idempotency-Key": self.key, "If-Match": self.if_match, "If-None-Match": self.if_none_match}
        told = "".join(f" {name} {value}" for name, value in named.items() if value is not None)
        code = f" {self.code}" if self.code else ""
        status = "no answer" if self.status is None else f"{self.status}{code}"
        return f"#{self.number} of {self.client} ({self.method} {self.target}{told} → {status})"


@dataclass(frozen=True)
class Final:
    """All that a user can read at the end, when nobody writes any more."""

    user: str
    changes: list[Document]
    """The items of /changes, from the beginning."""
    histories: dict[str, list[Document]]
    """By the expense's id."""
    items: list[Document]
    """Of the list of live expenses."""
    summaries: dict[str, Document]
    """By their `group_by`."""


@dataclass(frozen=True)
class History:
    """What a run leaves."""

    calls: list[Call]
    finals: list[Final]


class Record:
    """A history that is being made; each call is on disk before the next of its client."""

    def __init__(self, file: Path) -> None:
        self.calls: list[Call] = []
        self.finals: list[Final] = []
        self._file = file.open("w")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def history(self) -> History:
        return History(self.calls, self.finals)

    def add(self, call: Call) -> None:
        self.calls.append(call)
        self._write({"call": asdict(call)})

    def close_with(self, final: Final) -> None:
        """What a user reads at the end."""
        self.finals.append(final)
        self._write({"final": asdict(final)})

    def _write(self, line: Document) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


def load(lines: Iterable[str]) -> History:
    """The history in a file that `Record` has written."""
    history = History([], [])
    for line in lines:
        document = json.loads(line)
        if "call" in document:
            history.calls.append(Call(**document["call"]))
        else:
            history.finals.append(Final(**document["final"]))
    return history
