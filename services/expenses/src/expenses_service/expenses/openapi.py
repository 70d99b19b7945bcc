"""What the routes of expenses declare: bodies, parameters, headers, problems, examples."""

from typing import Any, Final

from expenses_service.cache.responses import VALIDATED
from expenses_service.expenses.schemas import (
    ExpenseChanges,
    ExpenseDraft,
    ExpenseList,
    ExpenseOut,
    ListQuery,
    PutQuery,
)
from expenses_service.headers import IDEMPOTENCY_KEY
from expenses_service.openapi import SIGNED_IN, answer, problems, query_parameters, request_body
from expenses_service.requests import JSON, MERGE_PATCH
from expenses_service.text import CONTROLS, pattern

_SECURITY: Final = {"security": SIGNED_IN}

_DRAFT_EXAMPLE: Final = {
    "amount": "12.50",
    "currency": "EUR",
    "description": "Lunch with Ada",
    "category": "food",
    "spent_on": "2026-05-31",
    "tags": ["team"],
}
EXPENSE_EXAMPLE: Final[dict[str, Any]] = {
    "id": "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a43",
    "kind": "expense",
    "merchant": "Trattoria Da Enzo",
    "payment_method": "card",
    "notes": "Two courses",
    "metadata": {"project": "apollo"},
    "source": "bank",
    "external_id": "2026-05-31/7",
    "version": 1,
    "created_at": "2026-05-31T12:00:00.000000Z",
    "updated_at": "2026-05-31T12:00:00.000000Z",
    "deleted_at": None,
    **_DRAFT_EXAMPLE,
}


def _one(description: str) -> dict[str, Any]:
    """An expense; what can be done with it next."""
    same = {"path.expense_id": "$response.body#/id"}
    unchanged = {**same, "header.If-Match": "$response.header.ETag"}
    links = {
        "read": {"operationId": "expenses_read", "parameters": same},
        "change": {"operationId": "expenses_change", "parameters": unchanged},
        "delete": {"operationId": "expenses_delete", "parameters": unchanged},
        "history": {"operationId": "expenses_history", "parameters": same},
    }
    return answer(description, EXPENSE_EXAMPLE, "ETag", links=links)


LIST: Final[dict[str, Any]] = {
    "operation_id": "expenses_list",
    "response_model": ExpenseList,
    "responses": {
        **VALIDATED,
        200: answer(
            "A page; `Link` and `next_cursor` lead to the next.",
            {"items": [EXPENSE_EXAMPLE], "next_cursor": None},
            "Link",
        ),
    },
    "openapi_extra": {**_SECURITY, **query_parameters(ListQuery)},
}

CREATE: Final[dict[str, Any]] = {
    "operation_id": "expenses_create",
    "status_code": 201,
    "response_model": ExpenseOut,
    "responses": {
        201: _one("Recorded."),
        **problems(409),
    },
    "openapi_extra": {
        **_SECURITY,
        "parameters": [IDEMPOTENCY_KEY],
        **request_body(ExpenseDraft, JSON, _DRAFT_EXAMPLE),
    },
}

_ANOTHER_PATH: Final = 405  # where the id is the name of one that takes other methods, as `bulk`

READ: Final[dict[str, Any]] = {
    "operation_id": "expenses_read",
    "response_model": ExpenseOut,
    "responses": {
        **VALIDATED,
        200: _one("The expense."),
        **problems(404, _ANOTHER_PATH),
    },
    "openapi_extra": _SECURITY,
}

CHANGE: Final[dict[str, Any]] = {
    "operation_id": "expenses_change",
    "response_model": ExpenseOut,
    "responses": {
        200: _one("The expense as it is now."),
        **problems(404, _ANOTHER_PATH, 409, 412),
    },
    "openapi_extra": {
        **_SECURITY,
        **request_body(ExpenseChanges, MERGE_PATCH, {"amount": "13.00", "notes": None}),
    },
}

DELETE: Final[dict[str, Any]] = {
    "operation_id": "expenses_delete",
    "status_code": 204,
    "response_model": None,
    "responses": {
        204: {
            "description": "Deleted.",
            "links": {
                "restore": {
                    "operationId": "expenses_restore",
                    "parameters": {"path.expense_id": "$request.path.expense_id"},
                }
            },
        },
        **problems(404, _ANOTHER_PATH, 412),
    },
    "openapi_extra": _SECURITY,
}

RESTORE: Final[dict[str, Any]] = {
    "operation_id": "expenses_restore",
    "response_model": ExpenseOut,
    "responses": {
        200: _one("The live expense."),
        **problems(404, 409, 412),
    },
    "openapi_extra": {**_SECURITY, "parameters": [IDEMPOTENCY_KEY]},
}

# An encoded slash and its like do not pass the gateway, which also resolves dots.
_PLAIN: Final = pattern(CONTROLS, without=r"/\\;%?#", blank=".")
_NAMES: Final = [
    {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1, "maxLength": most, "pattern": _PLAIN},
        "example": example,
    }
    for name, description, most, example in (
        ("source", "The other system.", 40, "bank"),
        ("external_id", "Its name for the expense; all that follows.", 120, "2026-05-31.7"),
    )
]
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "`*` records a new expense only; one that is there is 412.",
    "schema": {"type": "string"},
    "example": "*",
}

PUT: Final[dict[str, Any]] = {
    "operation_id": "expenses_put",
    "response_model": ExpenseOut,
    "responses": {
        200: _one("The expense as it is now."),
        201: {
            **_one("Recorded."),
            "model": ExpenseOut,
        },
        **problems(409, 412),
    },
    "openapi_extra": {
        **_SECURITY,
        "parameters": [
            *_NAMES,
            *query_parameters(PutQuery)["parameters"],
            _IF_NONE_MATCH,
        ],
        **request_body(ExpenseDraft, JSON, _DRAFT_EXAMPLE),
    },
}
