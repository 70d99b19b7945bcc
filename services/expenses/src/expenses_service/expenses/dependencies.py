"""What the routes of expenses ask for beside the caller."""

from typing import Annotated

from fastapi import Depends, Request

from expenses_service.etag import if_match
from expenses_service.expenses.schemas import ExpenseChanges, ExpenseDraft, ListQuery
from expenses_service.requests import MERGE_PATCH, NoParameters, json_body, query
from expenses_service.resources import Resources, get_resources

Bare = Annotated[NoParameters, Depends(query(NoParameters))]
"""A query without parameters."""


async def matching(request: Request, _: Bare) -> frozenset[str] | None:
    """The entity tags of If-Match, None without a condition; such a call has no parameters."""
    return if_match(request)


Draft = Annotated[ExpenseDraft, Depends(json_body(ExpenseDraft))]
Changes = Annotated[ExpenseChanges, Depends(json_body(ExpenseChanges, MERGE_PATCH))]
Query = Annotated[ListQuery, Depends(query(ListQuery))]
Matching = Annotated[frozenset[str] | None, Depends(matching)]
Held = Annotated[Resources, Depends(get_resources)]
