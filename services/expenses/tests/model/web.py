"""Two instances of the service, as clients reach them: each answer must be a declared one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.declared import check

BASE = "/api/v1"


@dataclass(frozen=True)
class Request:
    """What a client sends."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        """`/bulk`, `/import`, `/categories`, or `/expenses`."""
        first, *rest = self.path.strip("/").split("/")
        return f"/{rest[0] if rest and rest[0] in {'bulk', 'import'} else first}"


class Web:
    """Connections to the instances; reads ask with the entity tag of what was seen before."""

    def __init__(self, urls: Sequence[str], document: Mapping[str, Any]) -> None:
        self._clients = [
            httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) for url in urls
        ]
        self._document = document
        self._turn = 0
        self._seen: dict[tuple[str, str], tuple[str, Any]] = {}

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def send(self, token: str, request: Request) -> httpx.Response:
        """To one instance, to the other the next time."""
        self._turn += 1
        client = self._clients[self._turn % len(self._clients)]
        response = await client.request(
            request.method,
            BASE + request.path,
            params=request.query or None,
            json=request.json,
            content=request.content,
            headers={"Authorization": f"Bearer {token}", **request.headers},
        )
        check(self._document, response.request, response)
        return response

    async def together(self, token: str, requests: Sequence[Request]) -> list[httpx.Response]:
        """All at once."""
        return await asyncio.gather(*(self.send(token, request) for request in requests))

    async def read(self, token: str, path: str, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any document
        """A document, which an entity tag that was seen before stands for; None when absent."""
        place = (token, f"{path}?{sorted((query or {}).items())}")
        tag, seen = self._seen.get(place, ("", None))
        headers = {"If-None-Match": tag} if tag else {}
        response = await self.send(token, Request("GET", path, query or {}, headers=headers))
        if response.status_code == 304:
            assert response.headers["etag"] == tag
            return seen
        if response.status_code == 404:
            return None
        assert response.status_code == 200, response.text
        assert response.headers["etag"] != tag, "the client has it"
        self._seen[place] = (response.headers["etag"], response.json())
        return response.json()
