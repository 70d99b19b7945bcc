"""What the routes of categories declare: bodies, parameters, headers, problems, examples."""

from typing import Any, Final

from expenses_service.cache.responses import VALIDATED
from expenses_service.categories.schemas import (
    CategoryChanges,
    CategoryDraft,
    CategoryList,
    CategoryOut,
    Removal,
)
from expenses_service.headers import IDEMPOTENCY_KEY, IF_MATCH
from expenses_service.openapi import SIGNED_IN, problems, query_parameters, request_body
from expenses_service.requests import JSON, MERGE_PATCH

_TEXT: Final = {"schema": {"type": "string"}}
_EXAMPLE: Final = {
    "slug": "cafe-bar",
    "name": "Café & Bar",
    "archived": False,
    "is_default": False,
    "version": 1,
}


def _one(description: str, **headers: object) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {"ETag": _TEXT, **headers},
        "content": {"application/json": {"example": _EXAMPLE}},
    }


LIST: Final[dict[str, Any]] = {
    "operation_id": "categories_list",
    "response_model": CategoryList,
    "responses": {**VALIDATED, **problems(400, 401, 403, 422)},
    "openapi_extra": {"security": SIGNED_IN},
}

CREATE: Final[dict[str, Any]] = {
    "operation_id": "categories_create",
    "status_code": 201,
    "response_model": CategoryOut,
    "responses": {
        201: _one("Added.", Location=_TEXT, **{"Idempotency-Replayed": _TEXT}),
        **problems(400, 401, 403, 409, 413, 415, 422),
    },
    "openapi_extra": {
        "security": SIGNED_IN,
        "parameters": [IDEMPOTENCY_KEY],
        **request_body(CategoryDraft, JSON, {"name": "Café & Bar"}),
    },
}

CHANGE: Final[dict[str, Any]] = {
    "operation_id": "categories_change",
    "response_model": CategoryOut,
    "responses": {
        200: _one("The category as it is now."),
        **problems(400, 401, 403, 404, 412, 413, 415, 422),
    },
    "openapi_extra": {
        "security": SIGNED_IN,
        "parameters": [IF_MATCH],
        **request_body(CategoryChanges, MERGE_PATCH, {"archived": True}),
    },
}

_REMOVAL: Final = query_parameters(Removal)["parameters"]

DELETE: Final[dict[str, Any]] = {
    "operation_id": "categories_delete",
    "status_code": 204,
    "response_model": None,
    "responses": {
        204: {"description": "Deleted."},
        **problems(400, 401, 403, 404, 409, 412, 422),
    },
    "openapi_extra": {"security": SIGNED_IN, "parameters": [*_REMOVAL, IF_MATCH]},
}
