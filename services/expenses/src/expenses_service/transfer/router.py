"""/expenses/export, /expenses/import, /expenses/archive, and the erasure of /expenses."""

from functools import partial

from fastapi import APIRouter, Request, Response

from expenses_service.authentication.dependencies import Reader, Writer
from expenses_service.cache.responses import USER_DATA
from expenses_service.downloads.responses import sent
from expenses_service.etag import not_modified
from expenses_service.idempotency import responses as answers
from expenses_service.idempotency.dependencies import keyed
from expenses_service.requests import Bare
from expenses_service.transfer import archive, erasure, exports, imports, openapi
from expenses_service.transfer.dependencies import (
    ErasureAsked,
    ExportAsked,
    Held,
    ImportAsked,
    SentForm,
    spooled,
)

router = APIRouter(prefix="/api/v1/expenses", tags=["transfer"])


@router.get("/export", **openapi.EXPORT)
async def export_expenses(
    request: Request, principal: Reader, asked: ExportAsked, resources: Held
) -> Response:
    """The caller's live expenses that pass the filters, newest day first, as a file of one moment.

    A CSV cell that begins with `=`, `+`, `-`, `@`, `'`, a tab or a carriage return has a `'` before
    it, which the import takes off; an empty cell is null; tags and metadata are JSON.
    """
    has = partial(not_modified, request)
    return sent(await exports.export(resources, principal, asked, has))


@router.post("/import", **openapi.IMPORT)
async def import_expenses(
    request: Request, principal: Writer, form: SentForm, asked: ImportAsked, resources: Held
) -> Response:
    """Take a file's rows over: by own `id`, else by `source` and `external_id`, else as new ones.

    Columns and members are the fields of an expense, in any order. What a row does not name stays
    as it is in an expense that it matches; an empty cell or null clears it. A deleted match comes
    back. `version`, instants and ids that are not yours are ignored. Rows that change nothing leave
    no trace. Two rows for one expense are an error of the second.

    In mode `atomic` one row that is not valid keeps all of them out: 422, whose errors have the
    `line`. In mode `partial` the others go in: 200, with the first 100 errors.
    """
    async with spooled(request) as file:
        request_key = keyed(request, principal, form.encode() + file.digest())
        job = imports.Job(principal.user_id, file, form, principal.today(), asked)
        return answers.sent(await imports.run(resources, job, request_key))


@router.get("/archive", **openapi.ARCHIVE)
async def archive_expenses(
    request: Request, principal: Reader, _: Bare, resources: Held
) -> Response:
    """All of the caller's data as of one moment, one JSON document a line, each with a `type`.

    `user` comes first; then every `category` that the caller made, changed or deleted, every
    `expense`, deleted ones too, every `change` with the expense as it left it, and `end` with their
    numbers: without that line the file is not whole.
    """
    has = partial(not_modified, request)
    return sent(await archive.archive(resources, principal, has))


@router.delete("", **openapi.ERASE)
async def erase_expenses(principal: Writer, _: ErasureAsked, resources: Held) -> Response:
    """Delete all of the caller's data for good: expenses, history, sums, categories, kept answers.

    It cannot be undone. The sequence of changes goes on, so that a place before it is 410 to
    `/changes`. After any other answer than 204 some of it may be gone: ask again.
    """
    await erasure.erase(resources.database, principal.user_id)
    return Response(status_code=204, headers=USER_DATA)
