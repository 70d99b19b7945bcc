"""What became of an operation."""

from dataclasses import dataclass
from typing import Literal

from expenses_service.errors import FieldError, ServiceError
from expenses_service.expenses.models import Expense

Done = Literal["created", "updated", "deleted"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one operation did, with the expense that it left; or why it did nothing."""

    done: Done | None = None
    expense: Expense | None = None
    error: ServiceError | None = None
    blamed: tuple[FieldError, ...] = ()
    """The parts of the request that `error` is about; there is always one."""
