"""Bytes on the wire: requests that no well-behaved client would send."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int
    headers: str
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - the document's shape is the test's business
        return json.loads(self.body)


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes or resets the connection."""
    received = bytearray()
    with suppress(ConnectionResetError):  # follows the answer when the server did not read the whole request
        while piece := connection.recv(65536):
            received += piece
    return bytes(received)


def unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + rest[:length], rest[length + 2 :]
    return whole


def parse(received: bytes) -> Answer:
    """The first answer in the bytes; its body is all that follows."""
    head, _, body = received.partition(b"\r\n\r\n")
    headers = head.decode("latin-1").lower()
    if "transfer-encoding: chunked" in headers:
        body = unchunked(body)
    return Answer(int(head.split(b" ", 2)[1]), headers, body)


def exchange(port: int, request: bytes, seconds: float = 15) -> Answer:
    """Send the bytes as they are (they should say `Connection: close`) and read the answer."""
    return parse(exchange_raw(port, request, seconds))


def exchange_raw(port: int, request: bytes, seconds: float = 15) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused early: the answer can still be read
            connection.sendall(request)
        return read_all(connection)


def request(target: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    """HTTP/1.1 request with a Host and `Connection: close` and nothing added that was not asked for."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
