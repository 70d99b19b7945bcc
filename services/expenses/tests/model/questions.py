"""What is asked after writes, and the answers in plain Python."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import product

from tests.model.versions import EXPONENTS, Fields

Passes = Callable[[Fields], bool]
Keys = Callable[[Fields], list[str | None]]

FILTERS: Sequence[tuple[Mapping[str, str], Passes]] = [
    ({}, lambda _: True),
    ({"category": "food,zoo"}, lambda it: it["category"] in {"food", "zoo"}),
    ({"tag": "a,b"}, lambda it: bool({"a", "b"} & set(it["tags"]))),
    ({"tag": "a,b", "tag_mode": "all"}, lambda it: {"a", "b"} <= set(it["tags"])),
    ({"from": "2026-05-02", "to": "2026-06-01"},
     lambda it: "2026-05-02" <= str(it["spent_on"]) <= "2026-06-01"),
    ({"from": "2026-05-01", "to": "2026-05-31"}, lambda it: it["spent_on"][:7] == "2026-05"),
    ({"kind": "refund"}, lambda it: it["kind"] == "refund"),
    ({"merchant": "Enzo", "payment_method": "card,cash"},
     lambda it: it["merchant"] == "Enzo" and it["payment_method"] in {"card", "cash"}),
    ({"q": "night ta"}, lambda it: has_words(it, "night", "ta")),
    ({"currency": "EUR"}, lambda it: it["currency"] == "EUR"),
    ({"currency": "EUR", "min_amount": "2", "max_amount": "7"},
     lambda it: it["currency"] == "EUR" and 2 <= Decimal(it["amount"]) <= 7),
]  # fmt: skip
SORTS = ("-spent_on", "spent_on", "-created_at", "created_at")
BY_AMOUNT = ("-amount", "amount")
GROUPS: Mapping[str, Keys] = {
    "category": lambda it: [it["category"]],
    "tag": lambda it: it["tags"] or [None],
    "merchant": lambda it: [it["merchant"]],
    "payment_method": lambda it: [it["payment_method"]],
    "kind": lambda it: [it["kind"]],
    "day": lambda it: [it["spent_on"]],
    "week": lambda it: [week(it["spent_on"])],
    "month": lambda it: [it["spent_on"][:7]],
    "year": lambda it: [it["spent_on"][:4]],
}


def has_words(item: Fields, whole: str, begun: str) -> bool:
    text = " ".join(item[name] or "" for name in ("description", "merchant", "notes"))
    words = text.lower().split()
    return whole in words and any(word.startswith(begun) for word in words)


def week(day: str) -> str:
    year, number, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{number:02}"


@dataclass(frozen=True)
class ListQuestion:
    """A filter and an order."""

    asked: Mapping[str, str]
    passes: Passes
    sort: str

    @property
    def parameters(self) -> dict[str, str]:
        return {**self.asked, "sort": self.sort}

    def answer(self, live: Iterable[Fields]) -> list[Fields]:
        column = self.sort.lstrip("-")

        def place(item: Fields) -> tuple[object, str]:
            value = item[column]
            return (Decimal(value) if column == "amount" else value), item["id"]

        return sorted(filter(self.passes, live), key=place, reverse=self.sort.startswith("-"))


@dataclass(frozen=True)
class SumQuestion:
    """A filter and one key or two."""

    asked: Mapping[str, str]
    passes: Passes
    keys: tuple[str, ...]

    @property
    def parameters(self) -> dict[str, str]:
        return {**self.asked, "group_by": ",".join(self.keys)}

    def answer(self, live: Iterable[Fields]) -> Fields:
        passing = list(filter(self.passes, live))
        groups: dict[tuple[tuple[str | None, ...], str], list[Fields]] = defaultdict(list)
        totals: dict[str, list[Fields]] = defaultdict(list)
        for item in passing:
            totals[item["currency"]].append(item)
            for values in product(*(GROUPS[key](item) for key in self.keys)):
                groups[values, item["currency"]].append(item)
        ordered = sorted(groups, key=lambda it: ([(v is None, v or "") for v in it[0]], it[1]))
        return {
            "groups": [
                {"key": dict(zip(self.keys, values, strict=True)), **summed(groups[values, code])}
                for values, code in ordered
            ],
            "totals": [summed(totals[code]) for code in sorted(totals)],
        }


def summed(items: Sequence[Fields]) -> Fields:
    """Of one currency; refunds subtract."""
    code = items[0]["currency"]
    signed = (Decimal(it["amount"]) * (-1 if it["kind"] == "refund" else 1) for it in items)
    return {
        "currency": code,
        "total": f"{sum(signed, Decimal(0)):.{EXPONENTS[code]}f}",
        "count": len(items),
    }


LISTS = [ListQuestion(*each, sort) for each, sort in product(FILTERS, SORTS)]
LISTS += [ListQuestion(*each, sort) for each in FILTERS[-2:] for sort in BY_AMOUNT]
KEYS = [("category",), ("month", "category"), ("kind", "year"), ("tag",), ("merchant", "week")]
KEYS += [("day",), ("payment_method", "tag")]
SUMS = [SumQuestion(*each, keys) for each, keys in product(FILTERS, KEYS)]
