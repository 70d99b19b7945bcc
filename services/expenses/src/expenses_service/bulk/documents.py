"""The answer to many writes, as bytes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import json

from expenses_service.bulk.models import Done, Outcome
from expenses_service.errors import ServiceError
from expenses_service.expenses.documents import document

_STATUS: Final[Mapping[Done | None, int]] = {"created": 201, "updated": 200, "deleted": 204}

ProblemOf = Callable[[ServiceError], Mapping[str, Any]]


def results_body(outcomes: Sequence[Outcome], problem_of: ProblemOf) -> bytes:
    """A result for each operation, and how many there are of each kind."""
    count = Counter(outcome.done for outcome in outcomes)
    results = [_result(index, each, problem_of) for index, each in enumerate(outcomes)]
    counters = {"created": count["created"], "updated": count["updated"]}
    counters |= {"deleted": count["deleted"], "failed": count[None]}
    return json.encode({"results": results, **counters})


def _result(index: int, outcome: Outcome, problem_of: ProblemOf) -> dict[str, Any]:
    problem = None if outcome.error is None else problem_of(outcome.error)
    status = _STATUS[outcome.done] if problem is None else problem["status"]
    expense = None if outcome.expense is None else document(outcome.expense)
    return {"index": index, "status": status, "expense": expense, "problem": problem}
