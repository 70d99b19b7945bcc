"""Serves a reply from the cache under a confirmed data version, or builds and keeps it."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from expenses_service.cache.doorkeeper import Doorkeeper
from expenses_service.cache.models import Built, Reply
from expenses_service.cache.repository import ReplyStore, connect
from expenses_service.cache.rules import entity_tag, pack, storage_key, unpack

TTL_SECONDS = 3600
MAX_BODY_BYTES = 1024 * 1024


class ReplyCache:
    """Never stale: what is kept names the data version that it is of, and Postgres confirms it.

    It is asked once something is there to be confirmed, so a read that finds nothing costs one
    question less. A miss is kept under the version that was read in the same snapshot as its rows.
    What is asked for here for the first time is neither looked for nor kept.
    """

    def __init__(self, store: ReplyStore | None) -> None:
        self._store = store
        self._doorkeeper = Doorkeeper()
        self.replies = {"same": 0, "memory": 0, "carried": 0, "hit": 0, "miss": 0}

    @property
    def usable(self) -> bool | None:
        """Whether Redis answered when it was last asked; None without one."""
        return None if self._store is None else self._store.usable

    async def get_or_build(
        self,
        user_id: UUID,
        query_key: str,
        read_version: Callable[[], Awaitable[int]],
        build: Callable[[], Awaitable[Built]],
        *,
        client_has: Callable[[str], bool] | None = None,
    ) -> Reply:
        """The reply to `query_key` for `user_id`; raises what `read_version` and `build` raise.

        When `client_has` the entity tag already, the body is left empty and nothing is looked up;
        None: it has nothing.
        """
        version = None
        if client_has is not None:
            version = await read_version()
            etag = entity_tag(user_id, version, query_key)
            if client_has(etag):
                self.replies["same"] += 1
                return Reply(etag, b"", version)
        key = storage_key(user_id, query_key)
        store = self._store if self._doorkeeper.knows(key) else None
        value = None if store is None else await store.get(key)
        if value is not None:
            version = await read_version() if version is None else version
            etag = entity_tag(user_id, version, query_key)
            body = unpack(etag, value)
            if body is not None:
                self.replies["hit"] += 1
                return Reply(etag, body, version)
        self.replies["miss"] += 1
        built = await build()
        etag = entity_tag(user_id, built.version, query_key)
        if store is not None and len(built.body) <= MAX_BODY_BYTES:
            store.put(key, pack(etag, built.body), TTL_SECONDS)
        return Reply(etag, built.body, built.version)

    async def close(self) -> None:
        """Finish what is being stored and close the connections."""
        if self._store is not None:
            await self._store.close()


def open_replies(url: str | None, password: str | None) -> ReplyCache:
    """A cache on the Redis at `url`; without one every reply is built. Connects when first used."""
    return ReplyCache(ReplyStore(connect(url, password)) if url else None)
