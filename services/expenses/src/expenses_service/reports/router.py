"""/expenses/summary; to be registered before /expenses/{id}."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from expenses_service.authentication.dependencies import Reader
from expenses_service.cache.responses import VALIDATED, user_data
from expenses_service.etag import client_has
from expenses_service.openapi import SIGNED_IN, answer, query_parameters
from expenses_service.reports import service
from expenses_service.reports.schemas import EXAMPLE, SummaryOut, SummaryQuery
from expenses_service.requests import query
from expenses_service.resources import Resources, get_resources

router = APIRouter(prefix="/api/v1/expenses/summary", tags=["reports"])


@router.get(
    "",
    operation_id="expenses_summary",
    response_model=SummaryOut,
    responses={
        **VALIDATED,
        200: answer("Groups and totals.", EXAMPLE),
    },
    openapi_extra={"security": SIGNED_IN, **query_parameters(SummaryQuery)},
)
async def summarise_expenses(
    request: Request,
    principal: Reader,
    asked: Annotated[SummaryQuery, Depends(query(SummaryQuery))],
    resources: Annotated[Resources, Depends(get_resources)],
) -> Response:
    """Sums by one or two keys, one group per currency; amounts of two currencies never add up.

    Groups come by key in the order of `group_by`, then by currency; totals by currency. Text is
    ordered by code point, and null comes last. Refunds subtract, so a total may be negative. Totals
    count each expense once, whatever the keys.
    """
    reply = await service.summary(
        resources, principal.user_id, asked, client_has=client_has(request)
    )
    return user_data(request, reply)
