"""What the routes of expenses ask for beside the caller."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request

from expenses_service.errors import FieldError, NotFound, ValidationFailed
from expenses_service.etag import if_match, precondition
from expenses_service.expenses.models import ExternalKey
from expenses_service.expenses.schemas import (
    ExpenseChanges,
    ExpenseDraft,
    ExternalPath,
    ListQuery,
    PutQuery,
)
from expenses_service.requests import MERGE_PATCH, Bare, json_body, query
from expenses_service.resources import Resources, get_resources
from expenses_service.validation import validate_parameters


async def matching(request: Request, _: Bare) -> frozenset[str] | None:
    """The entity tags of If-Match, None without a condition; such a call has no parameters."""
    return if_match(request)


async def external_key(request: Request) -> ExternalKey:
    """The two last parts of the path, decoded after they were told apart (RFC 3986, section 2.4).

    The external id is all that follows the source, slashes too. Raises ValidationFailed.
    """
    parts = request.scope["raw_path"].split(b"/", 6)
    if len(parts) <= len(("", "api", "v1", "expenses", "by-external", "source")):
        raise NotFound
    values = {"source": _text("source", parts[5]), "external_id": _text("external_id", parts[6])}
    path = validate_parameters(ExternalPath, values)
    return ExternalKey(path.source, path.external_id)


def _text(name: str, part: bytes) -> str:
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        error = FieldError("invalid_utf8", "must be percent-encoded UTF-8", parameter=name)
        raise ValidationFailed(errors=[error]) from None


Draft = Annotated[ExpenseDraft, Depends(json_body(ExpenseDraft))]
Changes = Annotated[ExpenseChanges, Depends(json_body(ExpenseChanges, MERGE_PATCH))]
Query = Annotated[ListQuery, Depends(query(ListQuery))]
Asked = Annotated[PutQuery, Depends(query(PutQuery))]
Key = Annotated[ExternalKey, Depends(external_key)]
Precondition = Annotated[Callable[[str | None], bool], Depends(precondition)]
Matching = Annotated[frozenset[str] | None, Depends(matching)]
Held = Annotated[Resources, Depends(get_resources)]
