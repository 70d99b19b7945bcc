"""The log as clients see it."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from expenses_service.changes.models import Action
from expenses_service.expenses.fields import DIGITS
from expenses_service.expenses.schemas import ExpenseOut

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
LAST_SEQ: Final = 2**63 - 1


class ChangesQuery(BaseModel):
    """The parameters of the feed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Annotated[
        int,
        Field(ge=0, le=LAST_SEQ, description="The `next_since` of the page before; 0 at first."),
        DIGITS,
    ] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Items of a page."), DIGITS] = (
        DEFAULT_LIMIT
    )

    def canonical(self) -> str:
        """The same text for the same parameters."""
        return f"since={self.since}&limit={self.limit}"


class ChangeOut(BaseModel):
    """One write of an expense; `expense` is null when it was deleted."""

    seq: int
    action: Action
    id: UUID
    expense: ExpenseOut | None


class ChangeList(BaseModel):
    """Changes in their order; `next_since` leads on."""

    items: list[ChangeOut]
    next_since: int
    has_more: bool


class VersionOut(BaseModel):
    """One version of an expense: what made it, when, and the expense as it then was."""

    version: int
    action: Action
    at: datetime
    expense: ExpenseOut


class History(BaseModel):
    """Every version, oldest first."""

    items: list[VersionOut]
