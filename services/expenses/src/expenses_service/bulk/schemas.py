"""Many writes as clients send them, and what became of each."""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from expenses_service.expenses.schemas import ExpenseChanges, ExpenseDraft, ExpenseOut

MAX_OPERATIONS: Final = 1000
MAX_VERSION: Final = 2**53 - 1  # what every JSON library keeps exactly

_STRICT: Final = ConfigDict(extra="forbid", frozen=True)


def _by_value(number: object) -> object:
    """`3.0` is an integer too, by JSON Schema."""
    if isinstance(number, Decimal) and 1 <= number <= MAX_VERSION and number % 1 == 0:
        return int(number)
    return number


Version = Annotated[
    int,
    Field(strict=True, ge=1, le=MAX_VERSION, description="A stale one is 412."),
    BeforeValidator(_by_value),
]


class Create(BaseModel):
    """What `POST /expenses` does."""

    model_config = _STRICT

    op: Literal["create"]
    expense: ExpenseDraft

    @property
    def body(self) -> ExpenseDraft:
        """What the single call is sent."""
        return self.expense


class Update(BaseModel):
    """What `PATCH /expenses/{id}` does, with `version` in the place of If-Match."""

    model_config = _STRICT

    op: Literal["update"]
    id: UUID
    version: Version | None = None
    changes: ExpenseChanges

    @property
    def body(self) -> ExpenseChanges:
        """What the single call is sent."""
        return self.changes


class Delete(BaseModel):
    """What `DELETE /expenses/{id}` does, with `version` in the place of If-Match."""

    model_config = _STRICT

    op: Literal["delete"]
    id: UUID
    version: Version | None = None


class Kind(BaseModel):
    """Of any of them its `op`, which says what the rest must be."""

    model_config = ConfigDict(extra="ignore")

    op: Literal["create", "update", "delete"]


Operation = Create | Update | Delete
OPERATIONS: Final[dict[str, type[Operation]]] = {
    "create": Create,
    "update": Update,
    "delete": Delete,
}


class BulkRequest(BaseModel):
    """Operations, each looked at on its own: in `partial` one that is not valid stops no other."""

    model_config = _STRICT

    mode: Literal["atomic", "partial"] = "atomic"
    dry_run: Annotated[bool, Field(strict=True)] = False
    operations: Annotated[list[Any], Field(max_length=MAX_OPERATIONS)]


class BulkBody(BulkRequest):
    """Up to 1000 operations, carried out in order, each on what the ones before it left."""

    operations: Annotated[list[Operation], Field(max_length=MAX_OPERATIONS)]


class BulkResult(BaseModel):
    """What became of an operation: `status` is that of the single call."""

    index: int
    status: int
    expense: ExpenseOut | None
    problem: Annotated[
        dict[str, Any] | None, Field(description="The problem document of the single call.")
    ]


class BulkOut(BaseModel):
    """A result for each operation, in their order, and how many there are of each kind.

    `updated` counts those too that found everything as it shall be.
    """

    results: list[BulkResult]
    created: int
    updated: int
    deleted: int
    failed: int
