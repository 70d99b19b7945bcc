"""Says in a sentence when the gateway's port cannot be had: `… infra.local.ports PORT [CONTAINER]`."""

import socket
import sys


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
