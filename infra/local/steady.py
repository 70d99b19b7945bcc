"""Requests of somebody who is signed in, at a fixed rate, while something happens to the stack.

A request falls due at its time, whatever became of those before, and goes out as soon as a client has its
hands free: what a slow moment has held up is made up for. Standard library only: tests use it, and the check
of the containers.
"""

import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Self

from infra.demo.seed import Client

CLIENTS = 8
RATE = 100.0
PATIENCE_SECONDS = 30.0  # to make up for what was held up, while more falls due
PROMISED_SECONDS = 5.0  # in which every request is answered, so that none of them is longer
PERSON = {"email": "ada@example.com", "password": "plums, velvet and 42 orbits"}
LUNCH = {"amount": "12.50", "currency": "EUR", "description": "Lunch", "category": "food"}
OK, CREATED, CONFLICT = 200, 201, 409
REQUESTS = (
    ("GET", "/api/v1/expenses?limit=5", None),
    ("POST", "/api/v1/expenses", LUNCH),
    ("GET", "/api/v1/auth/me", None),
    ("POST", "/api/v1/auth/refresh", None),
)


@dataclass
class Load:
    """Reads and writes of both services, in turn, whatever the answers: what came of each."""

    port: int
    cookies: dict[str, str]
    outcomes: Counter[str] = field(default_factory=Counter)
    enough: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)
    began: float = 0.0
    begun: int = 0
    """How many requests a client has taken on itself."""
    seconds: float = 0.0
    """How long it went on."""
    longest: float = 0.0
    """The seconds that one request took; what stands still for all of them is made up for in the share."""

    @classmethod
    def of_somebody(cls, port: int, person: dict[str, str] = PERSON) -> Self:
        """With the cookies of `person`, who has an account from now on. Raises RuntimeError."""
        with closing(Client(f"http://localhost:{port}")) as client:
            statuses = [client.post(f"/api/v1/auth/{name}", person)[0] for name in ("register", "login")]
            if statuses not in ([CREATED, OK], [CONFLICT, OK]):
                raise RuntimeError(f"Nobody could sign in: register and login ended with {statuses}")
            return cls(port, client.cookies)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """As long as the block, and until nothing is overdue; not for ever, since it may never keep up."""
        clients = [Thread(target=self._client) for _ in range(CLIENTS)]
        self.began = time.monotonic()
        for client in clients:
            client.start()
        try:
            yield self
            self._catch_up()
        finally:
            self.enough.set()
            self.seconds = time.monotonic() - self.began
            for client in clients:
                client.join()

    def _catch_up(self) -> None:
        patience = time.monotonic() + PATIENCE_SECONDS
        while (now := time.monotonic()) < patience and self.begun < RATE * (now - self.began):
            time.sleep(0.01)

    @property
    def failed(self) -> dict[str, int]:
        """How often what came that is no success."""
        return {name: n for name, n in self.outcomes.items() if name[-3:] not in {"200", "201", "204"}}

    @property
    def share(self) -> float:
        """How many of the requests that were due there were."""
        return self.outcomes.total() / (RATE * self.seconds)

    def _client(self) -> None:
        with closing(http.client.HTTPConnection("localhost", self.port, timeout=20)) as connection:
            while (number := self._next()) is not None:
                method, path, body = REQUESTS[number % len(REQUESTS)]
                sent = time.monotonic()
                try:
                    connection.request(method, path, json.dumps(body) if body else None, self._headers())
                    answer = connection.getresponse()
                    answer.read()
                    self._keep(answer)
                    outcome = str(answer.status)
                except (OSError, http.client.HTTPException) as error:
                    connection.close()
                    outcome = repr(error)
                with self.lock:
                    self.outcomes[f"{method} {path}: {outcome}"] += 1
                    self.longest = max(self.longest, time.monotonic() - sent)

    def _next(self) -> int | None:
        """The request that is the next one to be sent, once it is due; None when there were enough."""
        with self.lock:
            number, self.begun = self.begun, self.begun + 1
        due = self.began + number / RATE
        return None if self.enough.wait(max(due - time.monotonic(), 0)) else number

    def _headers(self) -> dict[str, str]:
        with self.lock:
            cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": cookies, "Content-Type": "application/json"}

    def _keep(self, answer: http.client.HTTPResponse) -> None:
        """As tabs of one browser: a refresh token that was replaced a minute ago ends the session."""
        with self.lock:
            for line in answer.headers.get_all("Set-Cookie", []):
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
