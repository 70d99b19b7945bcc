"""Files into expenses.

The one transaction begins with the Idempotency-Key. While rows are parsed and copied it holds a
connection and nothing that others wait for. The user's row is locked for the merge alone, which the
number of rows in a file bounds; the user's other writers wait for it, and get a 503 after 2 s.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from msgspec import json
from sqlalchemy.ext.asyncio import AsyncConnection

from expenses_service.categories.repository import own_categories, save
from expenses_service.changes.repository import lock_user
from expenses_service.errors import Unavailable
from expenses_service.idempotency.models import Answer, KeyedRequest
from expenses_service.idempotency.service import once
from expenses_service.resources import Resources
from expenses_service.transfer import merge, rules
from expenses_service.transfer.lines import Format
from expenses_service.transfer.models import Imported
from expenses_service.transfer.parser import parsed
from expenses_service.transfer.schemas import ImportQuery
from expenses_service.transfer.spool import Spool

# Together less than the 120 s that the gateway waits for the answer to an import.
TURN_SECONDS: Final = 15.0
IMPORT_SECONDS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Job:
    """A file, whose it is, and what shall be done with it; `today` is where the user is."""

    user_id: UUID
    file: Spool
    form: Format
    today: date
    asked: ImportQuery


async def run(resources: Resources, job: Job, keyed: KeyedRequest | None) -> Answer:
    """Import a file; with a key, once.

    Raises:
        ValidationFailed: the file cannot be read, or rows are not valid and it shall be whole.
        Unavailable: too many imports run, the user's other writes hold this one up, or the process
            that parses it was killed.
        IdempotencyKeyReused, IdempotencyInProgress, TooManyCategories: see there.

    """
    database = resources.database
    async with (
        _turn(resources.imports),
        database.transaction(seconds=IMPORT_SECONDS) as connection,
    ):

        async def effect() -> Answer:
            return Answer(200, json.encode(await _imported(connection, job)))

        return await once(connection, keyed, effect)


@asynccontextmanager
async def _turn(imports: asyncio.Semaphore) -> AsyncIterator[None]:
    """Few run at a time: each keeps a processor busy here, and one in Postgres."""
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await imports.acquire()
    except TimeoutError:
        raise Unavailable("Other imports are running; try again soon.", retry_after=10) from None
    try:
        yield
    finally:
        imports.release()


async def _imported(connection: AsyncConnection, job: Job) -> Imported:
    stage = partial(merge.stage, connection, IMPORT_SECONDS)
    reading = await parsed(job.file, job.form, job.today, stage)
    if reading.refused:
        raise rules.refused_file(reading.refused)
    await lock_user(connection, job.user_id)
    own = await own_categories(connection, job.user_id)
    named = await merge.categories(connection)
    usable = rules.usable(own, named, create=job.asked.create_categories)
    plan = await merge.plan(connection, job.user_id, usable)
    result = rules.outcome(reading, plan)
    if result.failed and job.asked.mode == "atomic":
        raise rules.refused_rows(result)
    if job.asked.create_categories:
        rules.require_few_categories(own, await merge.categories_planned(connection))
    if not job.asked.dry_run and plan.created + plan.updated:
        now = datetime.now(UTC)
        await merge.carry_out(connection, job.user_id, plan, now)
        used = await merge.categories_used(connection)
        for category in rules.lacking(own, used, create=job.asked.create_categories):
            await save(connection, job.user_id, category, now)
    return result
