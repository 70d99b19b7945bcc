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
from expenses_service.headers import IDEMPOTENCY_KEY
from expenses_service.openapi import SIGNED_IN, answer, problems, query_parameters, request_body
from expenses_service.requests import JSON, MERGE_PATCH

_EXAMPLE: Final = {
    "slug": "cafe-bar",
    "name": "Café & Bar",
    "archived": False,
    "is_default": False,
    "version": 1,
}


def _one(description: str) -> dict[str, Any]:
    """A category; what can be done with it next."""
    same = {"path.slug": "$response.body#/slug", "header.If-Match": "$response.header.ETag"}
    links = {
        "change": {"operationId": "categories_change", "parameters": same},
        "delete": {"operationId": "categories_delete", "parameters": same},
    }
    return answer(description, _EXAMPLE, "ETag", links=links)


LIST: Final[dict[str, Any]] = {
    "operation_id": "categories_list",
    "response_model": CategoryList,
    "responses": {**VALIDATED, 200: answer("All of them.", {"items": [_EXAMPLE]})},
    "openapi_extra": {"security": SIGNED_IN},
}

CREATE: Final[dict[str, Any]] = {
    "operation_id": "categories_create",
    "status_code": 201,
    "response_model": CategoryOut,
    "responses": {
        201: _one("Added."),
        **problems(409),
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
        **problems(404, 412),
    },
    "openapi_extra": {
        "security": SIGNED_IN,
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
        **problems(404, 409, 412),
    },
    "openapi_extra": {"security": SIGNED_IN, "parameters": _REMOVAL},
}
