"""A load of many connections that pause between their requests: what it shall send, and its process."""

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from bench.wrk import NUMBERS, Driver, Load, runs

PROGRAM = Path(__file__).with_name("connections.py")


class Flood(Driver):
    """It at work; `finish` waits for it."""

    def __init__(self, folder: Path, url: str, load: Load, *, connections: int, seconds: float) -> None:
        number = next(runs)
        saved = folder / f"plan-{number}.json"
        saved.write_text(plan(load, url, number, connections=connections, seconds=seconds))
        super().__init__([sys.executable, "-P", str(PROGRAM), str(saved)], saved)


def plan(load: Load, url: str, number: int, *, connections: int, seconds: float) -> str:
    """A load as connections.py reads it: requests are drawn at random, and only numbers are put in.

    Raises ValueError for a load with dates.
    """
    if "date" in load.fresh:
        raise ValueError("put numbers into a flood's requests, it knows no dates")
    address = urlsplit(url)
    lists = [load.requests, load.others] if load.others else [load.requests]
    return json.dumps(
        {
            "host": address.hostname,
            "port": address.port,
            "connections": connections,
            "seconds": seconds,
            "pause_ms": load.pause_ms,
            "lists": [[request.text(address.netloc) for request in one] for one in lists],
            "tenths": load.tenths,
            "first": number * NUMBERS,
            "answers": {status: list(lengths) for status, lengths in load.answers.items()},
            "refusals": list(load.refusals),
        }
    )
