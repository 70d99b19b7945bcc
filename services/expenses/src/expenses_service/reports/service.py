"""Sums up a user's expenses, from the cache, the rollups or the rows."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

import msgspec

from expenses_service.cache.models import Built, Reply
from expenses_service.reports.models import Summary
from expenses_service.reports.repository import summarise
from expenses_service.reports.rules import document, fill_with_zero, in_order
from expenses_service.reports.schemas import SummaryQuery
from expenses_service.resources import Resources


async def summary(
    resources: Resources,
    user_id: UUID,
    query: SummaryQuery,
    client_has: Callable[[str], bool] | None,
) -> Reply:
    """The summary under the data version that Postgres confirms now; never older than that.

    Raises ValidationFailed: too_many_groups.
    """

    async def build() -> Built:
        read = await _read(resources, user_id, query)
        return Built(read.version, msgspec.json.encode(document(read, query.group_by)))

    read_version = partial(resources.versions.read, user_id)
    key = f"summary?{query.canonical()}"
    return await resources.cache.get_or_build(
        user_id, key, read_version, build, client_has=client_has
    )


async def _read(resources: Resources, user_id: UUID, query: SummaryQuery) -> Summary:
    async with resources.database.transaction() as connection:
        read = await summarise(
            connection, user_id, query.group_by, query, from_rollups=query.rollups_suffice()
        )
    groups = read.groups
    if query.fill is not None:
        groups = fill_with_zero(groups, query.group_by, query.span)
    return Summary(read.version, in_order(groups), in_order(read.totals))
