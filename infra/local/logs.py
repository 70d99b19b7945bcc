"""`make logs REQUEST=…`: what all parts tell of one request, in order, for a person.

The id is what the client was told in `X-Request-ID` and in a problem document. The last line of a service
says which problem was the answer, and why (infra/contracts/log-line.md).
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.local import bootstrap
from infra.local.compose import Compose
from infra.local.failure import Failure

PARTS = ("gateway", "auth", "expenses")
IDS = ("request_id", "request_X-Request-Id", "downstream_X-Request-Id")
COMMON = frozenset({"ts", "level", "event", "service", "version", *IDS})
WHO = ("user_id", "session_id", "trace_id")

Line = Mapping[str, Any]


def local(data: Path) -> Iterator[tuple[str, Iterable[str]]]:
    """Each part's lines, of this run and of the one before, whether it runs or not."""
    for part in PARTS:
        for file in sorted((data / "logs").glob(f"{part}*.log*")):
            with file.open(errors="replace") as lines:
                yield part, lines


def in_containers(engine: Compose) -> Iterator[tuple[str, Iterable[str]]]:
    """Each part's lines that the engine has kept."""
    for part in PARTS:
        yield part, engine.run("logs", "--no-color", "--no-log-prefix", part).splitlines()


def of_request(logs: Iterable[tuple[str, Iterable[str]]], request_id: str) -> list[str]:
    """What to print of the lines that have this id."""
    found = [(part, line) for part, lines in logs for line in _having(lines, request_id)]
    found.sort(key=lambda each: _instant(each[1]))
    return [f"{_instant(line)[11:23]:12} {part:9} {_told(line)}" for part, line in found]


def _having(lines: Iterable[str], request_id: str) -> Iterator[Line]:
    for text in lines:
        if request_id not in text:
            continue
        try:
            line = json.loads(text)
        except ValueError:
            continue  # a library's own words
        if request_id in (line.get(name) for name in IDS):
            yield line


def _instant(line: Line) -> str:
    """RFC 3339, UTC: when the gateway got it, when a service wrote it."""
    return str(line.get("ts") or line.get("StartUTC") or line.get("time", ""))


def _told(line: Line) -> str:
    if "RequestMethod" in line:
        return _of_gateway(line)
    if line.get("event") == "request":
        return _answer(line)
    more = (f"{name}={value}" for name, value in line.items() if name not in COMMON and name not in WHO)
    return " ".join([line.get("level", ""), line.get("event", ""), *more])


def _answer(line: Line) -> str:
    said = f"{line['method']} {line['path']} → {line['status']} {line.get('problem') or ''}".rstrip()
    cause = f", because: {line['cause']}" if line.get("cause") else ""
    who = ", ".join(f"{name.removesuffix('_id')} {line[name]}" for name in WHO if line.get(name))
    return f"{said}{cause}; {line['duration_ms']:.0f} ms{f'; {who}' if who else ''}"


def _of_gateway(line: Line) -> str:
    said = f"{line['RequestMethod']} {line['RequestPath']} → {line['DownstreamStatus']}"
    origin = line.get("OriginStatus")
    by = f"{line.get('RouterName', 'no route')} at {line.get('ServiceAddr', 'no server')}"
    own = f", which answered {origin}" if origin and origin != line["DownstreamStatus"] else ""
    return f"{said}; {line['Duration'] / 1e6:.0f} ms; by {by}{own}"


def main() -> int:
    """The exit status: 0 when there is such a request."""
    parser = argparse.ArgumentParser(prog="python3 -m infra.local.logs", description=__doc__)
    parser.add_argument("request", help="its id")
    parser.add_argument("--data", default=".local", help="the folder of the stack")
    parser.add_argument("--compose", help="ask the containers, with this command")
    given = parser.parse_args()
    logs = in_containers(Compose.of(given.compose)) if given.compose else local(Path(given.data))
    try:
        told = of_request(logs, given.request)
    except (Failure, OSError, subprocess.TimeoutExpired) as failure:
        print(failure, file=sys.stderr)
        return 1
    if not told:
        print(f"No part's log has a request {given.request}; lines come a second late.", file=sys.stderr)
        return 1
    print("\n".join(told))
    return 0


if __name__ == "__main__":
    os.chdir(bootstrap.ROOT)
    sys.exit(main())
