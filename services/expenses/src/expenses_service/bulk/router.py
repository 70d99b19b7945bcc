"""/expenses/bulk."""

from fastapi import APIRouter, Request, Response

from expenses_service.authentication.dependencies import Writer
from expenses_service.bulk import openapi, service
from expenses_service.bulk.dependencies import Bulk, Held, Keyed
from expenses_service.idempotency.responses import sent
from expenses_service.problems import problem_of

router = APIRouter(prefix="/api/v1/expenses/bulk", tags=["expenses"])


@router.post("", **openapi.BULK)
async def bulk_write(
    request: Request, principal: Writer, asked: Bulk, request_key: Keyed, resources: Held
) -> Response:
    """Carry out up to 1000 operations in one transaction, in order.

    Each works on what the ones before it left and ends as the single call would, with its status
    and its problem. `atomic`: all or nothing; when one fails, 422 names each that did, by pointers
    `/operations/3/…`, and nothing is written. `partial`: those that fail change nothing, the others
    are written. `dry_run` writes nothing and answers the same; the ids of its new expenses are not
    kept.

    All the expenses that are updated or deleted may have 16 MiB of metadata, counted for each of
    these operations: `too_large` for the one that goes beyond. When more than 128 expenses have
    more already, the request is 422 as a whole, at `/operations`.
    """
    return sent(
        await service.carry_out(
            resources, principal, asked, request_key, lambda error: problem_of(error, request)
        )
    )
