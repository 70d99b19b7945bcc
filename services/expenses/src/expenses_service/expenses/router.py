"""/expenses and /expenses/{id}."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from msgspec import json

from expenses_service.authentication.dependencies import Reader, Writer
from expenses_service.cache.responses import USER_DATA, older_reply, user_data
from expenses_service.etag import client_has
from expenses_service.expenses import openapi, service, upsert
from expenses_service.expenses.dependencies import (
    Asked,
    Changes,
    Draft,
    Held,
    Key,
    Matching,
    Precondition,
    Query,
)
from expenses_service.expenses.documents import COLLECTION
from expenses_service.expenses.listing import list_page, next_page
from expenses_service.idempotency.dependencies import keyed
from expenses_service.idempotency.responses import sent
from expenses_service.requests import Bare

router = APIRouter(prefix=COLLECTION, tags=["expenses"])

BY_EXTERNAL: Final = "/by-external/{source}/{external_id:path}"
"""`Key` reads both names, from the raw path."""


@router.get("", **openapi.LIST)
async def list_expenses(
    request: Request, principal: Reader, query: Query, resources: Held
) -> Response:
    """The caller's live expenses, filtered, in one order, a page at a time."""
    known, older = client_has(request), older_reply(request)
    reply = await list_page(resources, principal.user_id, query, known, older)
    response = user_data(request, reply)
    following = next_page(query, reply.body) if response.body else None
    if following is not None:
        response.headers["Link"] = f'<{COLLECTION}?{following}>; rel="next"'
    return response


@router.post("", **openapi.CREATE)
async def create_expense(
    request: Request, principal: Writer, draft: Draft, _: Bare, resources: Held
) -> Response:
    """Record an expense. With an Idempotency-Key a retry records nothing twice."""
    fields = draft.fields()
    request_key = keyed(request, principal, json.encode(fields))
    return sent(await service.create(resources, principal, fields, request_key))


@router.get("/{expense_id:uuid}", **openapi.READ)
async def read_expense(
    request: Request, principal: Reader, expense_id: UUID, _: Bare, resources: Held
) -> Response:
    """One live expense."""
    return user_data(request, await service.read(resources, principal.user_id, expense_id))


@router.patch("/{expense_id:uuid}", **openapi.CHANGE)
async def change_expense(
    principal: Writer, expense_id: UUID, changes: Changes, matching: Matching, resources: Held
) -> Response:
    """Change some fields (JSON Merge Patch): absent keeps, null clears."""
    fields = changes.fields()
    return sent(await service.change(resources, principal, expense_id, fields, matching))


@router.delete("/{expense_id:uuid}", **openapi.DELETE)
async def delete_expense(
    principal: Writer, expense_id: UUID, matching: Matching, resources: Held
) -> Response:
    """Delete an expense; it can be restored."""
    await service.delete(resources, principal, expense_id, matching)
    return Response(status_code=204, headers=USER_DATA)


@router.post("/{expense_id:uuid}/restore", **openapi.RESTORE)
async def restore_expense(
    request: Request, principal: Writer, expense_id: UUID, matching: Matching, resources: Held
) -> Response:
    """Bring a deleted expense back; a live one stays as it is."""
    request_key = keyed(request, principal)
    return sent(await service.restore(resources, principal, expense_id, matching, request_key))


@router.put(BY_EXTERNAL, **openapi.PUT)
async def put_expense(
    principal: Writer, draft: Draft, key: Key, asked: Asked, holds: Precondition, resources: Held
) -> Response:
    r"""Record the expense that another system names so, or make the recorded one what is sent.

    All of it is replaced: what is left out has its default, but `spent_on` stays as it is. Sent
    again, it changes nothing: 200 with the same version. A deleted one is 409 `deleted`; with
    `revive=true` it comes back with what is sent.

    Slashes in an external id may stay as they are. The gateway refuses encoded `/`, `\`, `;`, `%`,
    `?` and `#`, and resolves `//`, `.` and `..`: expenses with such ids go by the other calls.
    """
    fields = draft.fields()
    return sent(await upsert.put(resources, principal, key, fields, holds, revive=asked.revive))
