"""What the model has of an expense, and what it knows without asking: money and forms of drafts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Fields = dict[str, Any]

EXPONENTS = {"EUR": 2, "JPY": 0, "KWD": 3}
EMPTY: Fields = {
    "merchant": None,
    "category": "other",
    "tags": [],
    "payment_method": None,
    "notes": None,
    "metadata": {},
    "source": None,
    "external_id": None,
}
"""What null stands for."""


class Unknown:
    """Equal to everything: what only the service can say, and has not said yet."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "?"


class Refused(Exception):
    """The answer is a problem; a 422 has the code in its errors. `version` is the present one."""

    def __init__(self, status: int, code: str, version: int | None = None) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code
        self.version = version


@dataclass
class Version:
    """One version of the expense at `place`; its id and instants are learned from the service."""

    place: int
    action: str
    number: int
    fields: Fields
    id: Any = field(default_factory=Unknown)
    created_at: Any = field(default_factory=Unknown)
    at: Any = field(default_factory=Unknown)
    seq: int = 0

    @property
    def live(self) -> bool:
        return self.action != "deleted"

    @property
    def key(self) -> tuple[str, str] | None:
        """How another system names it."""
        source = self.fields["source"]
        return None if source is None else (source, self.fields["external_id"])

    @property
    def document(self) -> Fields:
        return {
            "id": self.id,
            **self.fields,
            "version": self.number,
            "created_at": self.created_at,
            "updated_at": self.at,
            "deleted_at": None if self.live else self.at,
        }

    @property
    def change(self) -> Fields:
        """As an item of /changes."""
        expense = self.document if self.live else None
        return {"seq": self.seq, "action": self.action, "id": self.id, "expense": expense}

    @property
    def told(self) -> Fields:
        """As an item of its history."""
        named = {"version": self.number, "action": self.action, "at": self.at}
        return named | {"expense": self.document}

    def learn(self, item: Mapping[str, Any]) -> None:
        """From its item in the history, which must be in order with itself."""
        expense = item["expense"]
        assert item["at"] == expense["updated_at"] >= expense["created_at"]
        if self.number == 1:
            assert item["at"] == expense["created_at"]
        self.id, self.at, self.created_at = expense["id"], item["at"], expense["created_at"]


def padded(amount: object, currency: str) -> str:
    """The amount as it is read. Raises Refused for what is not valid in the currency."""
    number = Decimal(str(amount))
    exponent = -int(number.as_tuple().exponent)
    if number <= 0:
        raise Refused(422, "amount_range")
    if exponent > EXPONENTS[currency]:
        raise Refused(422, "amount_scale")
    return f"{number:.{EXPONENTS[currency]}f}"


def drafted(sent: Mapping[str, Any], day: object = None) -> Fields:
    """All the fields of a new expense, `day` for a draft without one. Raises Refused."""
    given = {name: value for name, value in sent.items() if value is not None}
    fields = {"kind": "expense", "spent_on": Unknown() if day is None else day, **EMPTY, **given}
    fields["amount"] = padded(sent["amount"], sent["currency"])
    whole(fields)
    return fields


def check_patch(sent: Mapping[str, Any]) -> None:
    """What can be said of a patch without the expense. Raises Refused."""
    if "currency" in sent and "amount" not in sent:
        raise Refused(422, "amount_required")
    if Decimal(str(sent.get("amount", 1))) <= 0:
        raise Refused(422, "amount_range")
    if "currency" in sent:
        padded(sent["amount"], sent["currency"])


def patched(current: Fields, sent: Mapping[str, Any]) -> Fields:
    """A merge patch (RFC 7396), where metadata is merged by its names. Raises Refused."""
    fields = {**current, **sent}
    fields |= {name: empty for name, empty in EMPTY.items() if fields[name] is None}
    if "amount" in sent:
        fields["amount"] = padded(sent["amount"], fields["currency"])
    if sent.get("metadata") is not None:
        both = {**current["metadata"], **sent["metadata"]}
        fields["metadata"] = {name: text for name, text in both.items() if text is not None}
    whole(fields)
    return fields


def whole(fields: Fields) -> None:
    """Source and external id come together. Raises Refused."""
    if (fields["source"] is None) != (fields["external_id"] is None):
        raise Refused(422, "incomplete_external_id")


def agree(shown: object, expected: object, about: object = "") -> None:
    """What the service shows is what the model expects; else AssertionError with both."""
    assert shown == expected, f"{about}\nshown:    {shown}\nexpected: {expected}"
