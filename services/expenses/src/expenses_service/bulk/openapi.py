"""What the route of many writes declares: body, headers, problems, examples."""

from typing import Any, Final

from expenses_service.bulk.schemas import BulkBody, BulkOut
from expenses_service.expenses.openapi import EXPENSE_EXAMPLE
from expenses_service.headers import IDEMPOTENCY_KEY
from expenses_service.openapi import SIGNED_IN, answer, problems, request_body
from expenses_service.problems import document
from expenses_service.requests import JSON

MAX_BODY_BYTES: Final = 8 * 1024 * 1024

_ID: Final = "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a43"
_DRAFT: Final = {"amount": "12.50", "currency": "EUR", "description": "Lunch with Ada"}
_REQUEST: Final[dict[str, Any]] = {
    "mode": "partial",
    "operations": [
        {"op": "create", "expense": _DRAFT},
        {"op": "update", "id": _ID, "version": 2, "changes": {"notes": None}},
        {"op": "delete", "id": _ID},
    ],
}
_STALE: Final[dict[str, Any]] = {
    **document(
        412,
        "version_conflict",
        "This has changed since you read it: read it again, then decide.",
        instance="/api/v1/expenses/bulk",
        request_id="4bf92f3577b34da6",
    ),
    "current_version": 3,
}
_ANSWER: Final[dict[str, Any]] = {
    "results": [
        {"index": 0, "status": 201, "expense": EXPENSE_EXAMPLE, "problem": None},
        {"index": 1, "status": 412, "expense": None, "problem": _STALE},
        {"index": 2, "status": 204, "expense": None, "problem": None},
    ],
    "created": 1,
    "updated": 0,
    "deleted": 1,
    "failed": 1,
}

BULK: Final[dict[str, Any]] = {
    "operation_id": "expenses_bulk",
    "response_model": BulkOut,
    "responses": {
        200: answer("What became of each operation.", _ANSWER),
        **problems(409),
    },
    "openapi_extra": {
        "security": SIGNED_IN,
        "x-max-body-bytes": MAX_BODY_BYTES,
        "parameters": [IDEMPOTENCY_KEY],
        **request_body(BulkBody, JSON, _REQUEST),
    },
}
