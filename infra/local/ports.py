"""Free ports; as a command, says in a sentence when the gateway's cannot be had: `… PORT [CONTAINER]`.

Whoever is given a free one holds UDP's port of that number until it is released: nobody else who asks here is
given it before its part listens, or while that part is down. The gateway's, where a person chose it, is
looked at only: it is anybody's until it listens.
"""

import os
import random
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

from infra.local.failure import Failure

HOST = "127.0.0.1"

FREE = range(20_000, 32_768)
"""Below those that Linux gives to outgoing connections, which would take one while its part is down."""
TRIES = 1000


_held: dict[int, int] = {}  # the descriptor of each port


def reserve(names: Sequence[str], gateway: int) -> dict[str, int]:
    """A free port for each purpose; the gateway's is given, or free when that is 0. Raises Failure."""
    ports: dict[str, int] = {}
    try:
        for name in names:
            ports[name] = _given(gateway) if name == "gateway" and gateway else free(but=gateway)
    except Failure:
        release(ports.values())
        raise
    return ports


def free(but: int = 0) -> int:
    """A port that nobody listens on or holds, until it is released or the process ends. Raises Failure."""
    for _ in range(TRIES):
        port = random.choice(FREE)  # noqa: S311 - of no secret
        if port != but and _hold(port):
            return port
    raise Failure(f"No port from {FREE.start} to {FREE.stop - 1} is free.")


def release(ports: Iterable[int]) -> None:
    """Let others have these; of those that were not reserved here nothing happens."""
    for port in ports:
        if (held := _held.pop(port, None)) is not None:
            os.close(held)


def _hold(port: int) -> bool:
    held = socket.socket(type=socket.SOCK_DGRAM)
    with suppress(OSError), _probe() as probe:
        held.bind((HOST, port))
        probe.bind((HOST, port))
        _held[port] = held.detach()
        return True
    held.close()
    return False


def _given(port: int) -> int:
    with _probe() as probe:
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Failure(
                f"Port {port} cannot be used ({error.strerror}): choose another, such as make run PORT=9080"
            ) from None
    return port


def _probe() -> socket.socket:
    """One that may be bound although connections of a listener before it have not faded out."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return probe


def main() -> int:
    """The exit status; a gateway that runs already (its container is named) holds the port itself."""
    text, *running = sys.argv[1:]
    if not text.isdecimal() or not 1 <= int(text) <= 65535:  # noqa: PLR2004 - the range of ports
        print(f"PORT must be a number from 1 to 65535, and it is {text!r}.", file=sys.stderr)
        return 1
    if running:
        return 0
    with _probe() as probe:
        try:
            probe.bind(("0.0.0.0", int(text)))  # noqa: S104 - where the engine will publish it
        except OSError as error:
            print(f"Port {text} cannot be used ({error.strerror}): choose another, such as make up PORT=9080",
                  file=sys.stderr)  # fmt: skip
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
