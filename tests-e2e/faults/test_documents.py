"""In place of auth somebody answers expenses who has neither keys nor lists: all that is held stays."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from actors import AUTH, EXPENSES, Person, new_client, problem
from faults.crowd import crowd, in_time
from faults.stack import PATIENCE, REPLICAS, WiredStack, names
from forger import Forger, claims_of

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
KEYS, LIST = "/.well-known/jwks.json", "/internal/v1/revocations"
AGAIN_SECONDS = 10.0  # between two fetches of the keys
REVOKED_SECONDS = 3.0
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "error": (500, {"Content-Type": "application/problem+json"}, b'{"status":500}'),
    "html": (200, {"Content-Type": "text/html"}, b"<!doctype html><title>Sign in to the network</title>"),
    "empty": (200, {"Content-Type": "application/json"}, b""),
    "redirect": (302, {"Location": "/elsewhere"}, b""),
    "huge": (200, {"Content-Type": "application/json"}, b'{"keys":[' + b" " * 10_000_000 + b"]}"),
}


class StandIn(ThreadingHTTPServer):
    """Answers every path with the same; `asked` are the paths."""

    daemon_threads = True

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:  # who has read enough of it goes
                    self.close_connection = True

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def in_place_of_auth(stack: WiredStack, kind: str) -> Iterator[StandIn]:
    wires = stack.wires("expenses", "auth")
    with StandIn(*ANSWERS[kind]) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        targets = [wire.targets for wire in wires]
        try:
            for wire in wires:
                wire.targets = (server.server_port,)
                wire.cut()
            yield server
        finally:
            for wire, before in zip(wires, targets, strict=True):
                wire.targets = before
                wire.cut()
            server.shutdown()


def at_each(stack: WiredStack, token: str) -> Sequence[httpx.Response]:
    """What each replica answers to the token."""
    clients = [new_client(stack.url(name), Authorization=f"Bearer {token}") for name in names("expenses")]
    return [in_time(partial(client.get, EXPENSES)) for client in clients]


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_is_held_stays_and_is_renewed_afterwards(wires: WiredStack, dora: Person, kind: str) -> None:
    """Good tokens are good, revoked ones stay revoked, and a new revocation counts again afterwards."""
    gone, forged = dora.script(), Forger.with_a_key_of_their_own().token(claims_of(dora))
    revoked = dora.cookie("ea_access")
    assert dora.client.post(f"{AUTH}/logout").status_code == 204
    time.sleep(REVOKED_SECONDS * PATIENCE)
    assert gone.get(EXPENSES).status_code == 401
    with crowd(wires) as people:
        with in_place_of_auth(wires, kind) as server:
            deadline = time.monotonic() + (AGAIN_SECONDS + 5) * PATIENCE
            while server.asked.count(KEYS) < REPLICAS or server.asked.count(LIST) < 2 * REPLICAS:
                assert time.monotonic() < deadline, server.asked
                for answer in at_each(wires, forged):  # while nobody can say whose key that is: 503
                    assert answer.status_code in {401, 503}, answer.text
                people.works_for(0.5)
            for answer in at_each(wires, revoked):
                problem(answer, 401, "session_revoked")
        assert set(server.asked) == {KEYS, LIST}
        assert dora.sign_in().status_code == 200
        later = dora.cookie("ea_access")
        assert dora.client.post(f"{AUTH}/logout").status_code == 204
        people.works_for(REVOKED_SECONDS * PATIENCE)
        for answer in at_each(wires, later):
            problem(answer, 401, "session_revoked")
        assert [writer.refused for writer in people.writers] == [[]] * len(people.writers)
