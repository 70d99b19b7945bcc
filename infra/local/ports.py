"""Free ports; as a command, says in a sentence when the gateway's cannot be had: `… PORT [CONTAINER]`."""

import random
import socket
import sys
from collections.abc import Sequence

from infra.local.failure import Failure

HOST = "127.0.0.1"


FREE = range(20_000, 32_768)
"""Below those that Linux gives to outgoing connections, which would take one while its part is down."""
TRIES = 1000


def reserve(names: Sequence[str], gateway: int) -> dict[str, int]:
    """A free port for each purpose; the gateway's is given, or free when that is 0. Raises Failure."""
    sockets = {name: socket.socket() for name in names}
    ports: dict[str, int] = {}
    try:
        for name, probe in sockets.items():
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if name == "gateway" and gateway:
                _bind_given(probe, gateway)
                ports[name] = gateway
            else:
                ports[name] = _bind_free(probe, [*ports.values(), gateway])
        return ports
    finally:
        for probe in sockets.values():
            probe.close()


def free() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        return _bind_free(probe)


def _bind_given(probe: socket.socket, port: int) -> None:
    try:
        probe.bind((HOST, port))
    except OSError as error:
        raise Failure(
            f"Port {port} cannot be used ({error.strerror}): choose another, such as make run PORT=9080"
        ) from None


def _bind_free(probe: socket.socket, but: Sequence[int] = ()) -> int:
    for _ in range(TRIES):
        port = random.choice(FREE)  # noqa: S311 - of no secret
        if port in but:
            continue
        try:
            probe.bind((HOST, port))
        except OSError:  # somebody has it
            continue
        return port
    raise Failure(f"No port from {FREE.start} to {FREE.stop - 1} is free.")


def main() -> int:
    """The exit status; a gateway that runs already (its container is named) holds the port itself."""
    text, *running = sys.argv[1:]
    if not text.isdecimal() or not 1 <= int(text) <= 65535:  # noqa: PLR2004 - the range of ports
        print(f"PORT must be a number from 1 to 65535, and it is {text!r}.", file=sys.stderr)
        return 1
    if running:
        return 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", int(text)))  # noqa: S104 - where the engine will publish it
        except OSError as error:
            print(f"Port {text} cannot be used ({error.strerror}): choose another, such as make up PORT=9080",
                  file=sys.stderr)  # fmt: skip
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
