"""Where a key set document comes from: auth's JWKS over HTTP, or a mounted file."""

import asyncio
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import httpx

from expenses_service.keys.errors import KeySetUnreachable
from expenses_service.keys.rules import MAX_DOCUMENT_BYTES

FETCH_TIMEOUT_SECONDS = 2.0


class KeySource(Protocol):
    """Gives the present document; `refresh_seconds` is how often that is worth asking."""

    refresh_seconds: float

    async def load(self) -> bytes:
        """Raises KeySetUnreachable."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class HttpKeySource:
    """A JWKS address: no redirect is followed, no proxy asked, and 64 KiB are read at most."""

    refresh_seconds = 300.0

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(FETCH_TIMEOUT_SECONDS),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def load(self) -> bytes:
        """GET the document within two seconds in all, however slowly it drips in."""
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
                return await self._get()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
            raise KeySetUnreachable(type(error).__name__) from error

    async def _get(self) -> bytes:
        request_id = {"X-Request-ID": uuid4().hex}
        async with self._client.stream("GET", self._url, headers=request_id) as response:
            if response.status_code != httpx.codes.OK:
                raise KeySetUnreachable(f"status {response.status_code}")
            document = b""
            async for chunk in response.aiter_raw():
                document += chunk
                if len(document) > MAX_DOCUMENT_BYTES:
                    raise KeySetUnreachable("larger than 64 KiB")
            return document

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.aclose()


class FileKeySource:
    """A mounted file, read again every few seconds so that a replaced one is seen."""

    refresh_seconds = 5.0

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> bytes:
        """Read at most one byte more than is allowed, which is enough to refuse the file."""
        try:
            return await asyncio.to_thread(self._read)
        except OSError as error:
            raise KeySetUnreachable(error.strerror or type(error).__name__) from error

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(MAX_DOCUMENT_BYTES + 1)

    async def close(self) -> None:
        """Nothing is held open."""
