"""What the routes of the change log declare: parameters, headers, problems, examples."""

from typing import Any, Final

from expenses_service.cache.responses import VALIDATED
from expenses_service.changes.schemas import ChangeList, ChangesQuery, History
from expenses_service.expenses.openapi import EXPENSE_EXAMPLE
from expenses_service.openapi import SIGNED_IN, answer, problems, query_parameters

_DELETED: Final[dict[str, Any]] = {
    **EXPENSE_EXAMPLE,
    "version": 2,
    "updated_at": "2026-06-01T08:00:00.000000Z",
    "deleted_at": "2026-06-01T08:00:00.000000Z",
}


CHANGES: Final[dict[str, Any]] = {
    "operation_id": "changes_list",
    "response_model": ChangeList,
    "responses": {
        **VALIDATED,
        200: answer(
            "Changes after `since`; `next_since` leads on, at once when `has_more`.",
            {
                "items": [
                    {
                        "seq": 41,
                        "action": "created",
                        "id": EXPENSE_EXAMPLE["id"],
                        "expense": EXPENSE_EXAMPLE,
                    },
                    {
                        "seq": 42,
                        "action": "deleted",
                        "id": EXPENSE_EXAMPLE["id"],
                        "expense": None,
                    },
                ],
                "next_since": 42,
                "has_more": False,
            },
        ),
        **problems(410),
    },
    "openapi_extra": {"security": SIGNED_IN, **query_parameters(ChangesQuery)},
}

HISTORY: Final[dict[str, Any]] = {
    "operation_id": "expenses_history",
    "response_model": History,
    "responses": {
        **VALIDATED,
        200: answer(
            "Every version. The `expense` of a `deleted` one is what was deleted, with its "
            "`deleted_at`.",
            {
                "items": [
                    {
                        "version": 1,
                        "action": "created",
                        "at": EXPENSE_EXAMPLE["created_at"],
                        "expense": EXPENSE_EXAMPLE,
                    },
                    {
                        "version": 2,
                        "action": "deleted",
                        "at": _DELETED["updated_at"],
                        "expense": _DELETED,
                    },
                ]
            },
        ),
        **problems(404),
    },
    "openapi_extra": {"security": SIGNED_IN},
}
