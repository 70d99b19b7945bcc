"""One request at a time, over a connection that stays open: what an answer is, and how long it takes."""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from infra.local.failure import Failure

NOT_COPIED = {"date", "server", "connection", "transfer-encoding"}
"""What a server writes itself."""


@dataclass(frozen=True)
class Answer:
    """What a service said."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    seconds: float

    def header(self, name: str) -> str:
        """Of a header that is there."""
        return next(value for key, value in self.headers if key == name)


class Caller:
    """A client with one connection."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        self._headers = headers

    def get(self, path: str) -> Answer:
        """Raises Failure for anything but 200."""
        return self.expect(200, "GET", path)

    def expect(
        self, status: int, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Answer:
        """Raises Failure for another status."""
        answer = self.call(method, path, body, **headers)
        if answer.status != status:
            raise Failure(
                f"{method} {path} answered {answer.status} in place of {status}: {answer.body[:500]}"
            )
        return answer

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Any answer; `seconds` from the request's first byte to the answer's last one."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        started = time.perf_counter()
        self._connection.request(method, path, body, {**self._headers, **named})
        response = self._connection.getresponse()
        content = response.read()
        seconds = time.perf_counter() - started
        kept = [
            (name.lower(), value) for name, value in response.getheaders() if name.lower() not in NOT_COPIED
        ]
        return Answer(response.status, tuple(kept), content.decode(), seconds)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
