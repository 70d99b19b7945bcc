"""Serves a reply from the cache under a confirmed data version, or builds and keeps it."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from expenses_service.cache.models import Built, Reply
from expenses_service.cache.repository import ReplyStore, connect
from expenses_service.cache.rules import entity_tag, pack, storage_key, unpack

TTL_SECONDS = 3600
MAX_BODY_BYTES = 1024 * 1024


def _nothing(_: str) -> bool:
    return False


class ReplyCache:
    """Never stale: the caller passes the version that Postgres gave in this very request.

    The version is part of the key, so an entry of an older version is never looked up, and what a
    miss builds is kept under the version that was read in the same snapshot as its rows.
    """

    def __init__(self, store: ReplyStore | None) -> None:
        self._store = store
        self.replies = {"same": 0, "memory": 0, "hit": 0, "miss": 0}

    @property
    def usable(self) -> bool | None:
        """Whether Redis answered when it was last asked; None without one."""
        return None if self._store is None else self._store.usable

    async def get_or_build(
        self,
        user_id: UUID,
        version: int,
        query_key: str,
        build: Callable[[], Awaitable[Built]],
        *,
        client_has: Callable[[str], bool] = _nothing,
    ) -> Reply:
        """The reply to `query_key` for `user_id`; raises only what `build` raises.

        When `client_has` the entity tag already, the body is left empty and nothing is looked up.
        """
        etag = entity_tag(user_id, version, query_key)
        if client_has(etag):
            self.replies["same"] += 1
            return Reply(etag, b"", version)
        if self._store is not None:
            value = await self._store.get(storage_key(user_id, version, etag))
            body = unpack(etag, value) if value is not None else None
            if body is not None:
                self.replies["hit"] += 1
                return Reply(etag, body, version)
        self.replies["miss"] += 1
        built = await build()
        if built.version != version:
            etag = entity_tag(user_id, built.version, query_key)
        if self._store is not None and len(built.body) <= MAX_BODY_BYTES:
            key = storage_key(user_id, built.version, etag)
            self._store.put(key, pack(etag, built.body), TTL_SECONDS)
        return Reply(etag, built.body, built.version)

    async def close(self) -> None:
        """Finish what is being stored and close the connections."""
        if self._store is not None:
            await self._store.close()


def open_replies(url: str | None, password: str | None) -> ReplyCache:
    """A cache on the Redis at `url`; without one every reply is built. Connects when first used."""
    return ReplyCache(ReplyStore(connect(url, password)) if url else None)
