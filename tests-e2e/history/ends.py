"""What a user can read when all clients have ended."""

import asyncio
import time
from typing import Any

import httpx

from history.clients import BASE, User
from history.record import Final
from history.requests import GROUPS, MUST_READ

HEALED_SECONDS = 60.0
AT_ONCE = 8


class Reader:
    """Reads until it is answered."""

    def __init__(self, http: httpx.AsyncClient, user: User) -> None:
        self._http = http
        self._user = user
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def final(self) -> Final:
        """All of it between two looks at the log that show the same: what nobody waited for may still end."""
        changes = await self._changes()
        while True:
            histories = await asyncio.gather(*(self._history(each) for each in {c["id"] for c in changes}))
            page = await self._read("/expenses", MUST_READ)
            assert page["next_cursor"] is None
            summaries = {keys: await self._read("/expenses/summary", {"group_by": keys}) for keys in GROUPS}
            final = Final(self._user.name, changes, dict(histories), page["items"], summaries)
            changes = await self._changes()
            if changes == final.changes:
                return final

    async def _changes(self) -> list[Any]:
        items: list[Any] = []
        since, more = 0, True
        while more:
            page = await self._read("/changes", {"since": str(since), "limit": "1000"})
            items += page["items"]
            since, more = page["next_since"], page["has_more"]
        return items

    async def _history(self, identifier: str) -> tuple[str, list[Any]]:
        told = await self._read(f"/expenses/{identifier}/history", {})
        return identifier, told["items"]

    async def _read(self, path: str, query: dict[str, str]) -> Any:
        headers = {"Authorization": f"Bearer {self._user.token}"}
        deadline = time.monotonic() + HEALED_SECONDS
        async with self._turn:
            while True:
                answer = await self._http.get(f"{BASE}{path}", params=query, headers=headers)
                if answer.status_code == 200:
                    return answer.json()
                assert answer.status_code >= 500, answer.text
                assert time.monotonic() < deadline, f"not healed within {HEALED_SECONDS} s: {answer.text}"
                await asyncio.sleep(0.2)
