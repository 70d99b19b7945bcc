"""`make soak`: reads, writes and sign-ins for minutes, and whether any process of the stack grows.

Environment: MINUTES (10). A crowd comes first, for 15 seconds: under it each connection to Postgres
gets the statements for several creates, whose plans it then keeps. At the pace of a soak some get
theirs after minutes, which is no leak. The first fifth warms up. Then what each process holds in the
last third of the time is compared with what it held in the first.
"""

import os
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from bench import machine, wrk
from bench.loads import creations, visits
from bench.options import Options, number
from bench.rows.passwords import sign_ins
from bench.sides import running
from bench.site import Site
from bench.stopping import Stopped, catch_signals
from infra.local import bootstrap
from infra.local.failure import Failure
from infra.local.parts import ORDER

MOST_GROWTH = 0.05
CACHE_LIMIT_KIB = 256 * 1024
"""What infra/redis/cache.conf lets the cache keep; until then it grows on purpose."""
CACHE_OVERHEAD = 1.5
PIECE_SECONDS = 240  # an access token lives for five minutes
CROWD, CROWD_SECONDS = 64, 5
CONNECTIONS = 16
PAUSE_MS = 40
SIGN_IN_PAUSE_MS = 2000
LOOK_SECONDS = 2.0


@dataclass
class Watched:
    """What a part of the stack held, look by look."""

    part: str
    kib: list[int] = field(default_factory=list)

    @property
    def ends(self) -> tuple[float, float]:
        """The medians of the first and of the last third, after the warm-up."""
        warm = self.kib[len(self.kib) // 5 :]
        third = max(1, len(warm) // 3)
        return statistics.median(warm[:third]), statistics.median(warm[-third:])

    @property
    def growth(self) -> float:
        """0.05 is five percent."""
        first, last = self.ends
        return last / first - 1

    @property
    def is_flat(self) -> bool:
        """The cache is full when it is full; everybody else is flat."""
        if self.part == "cache" and self.ends[1] <= CACHE_LIMIT_KIB * CACHE_OVERHEAD:
            return True
        return self.growth < MOST_GROWTH


def main() -> int:
    """The exit status: 0 only if no answer was wrong and no process grew."""
    catch_signals()
    try:
        minutes = number(os.environ, "MINUTES", 10)
        wrk.require()
        bootstrap.install(bootstrap.RUN, develop=False)
        with Site(Options.read({}, [])) as site:
            print(f"{machine.description()}; {minutes} minutes", flush=True)
            watched, faults = soak(site, minutes * 60)
    except Failure as failure:
        print(f"soak: {failure}", file=sys.stderr)
        return 1
    except Stopped:
        print("soak: stopped.", file=sys.stderr)
        return 130
    return report(watched, faults)


def soak(site: Site, seconds: int) -> tuple[list[Watched], list[str]]:
    """Load in pieces, each with new tokens, and a look at every process now and then."""
    site.unpin()
    watched = [Watched(part) for part in ORDER]
    faults = _crowded(site)
    logins = replace(sign_ins(site), pause_ms=SIGN_IN_PAUSE_MS)
    left = seconds
    while left > 0:
        piece = min(PIECE_SECONDS, left)
        left -= piece
        site.say(f"  {time.strftime('%H:%M:%S')} {left + piece} s to go")
        load = replace(visits(site, site.ada.cookies(site.auth)), pause_ms=PAUSE_MS)
        with ExitStack() as stack:
            runs = [
                stack.enter_context(running(site, site.gateway, load, CONNECTIONS, piece)),
                stack.enter_context(running(site, site.gateway, logins, 1, piece)),
            ]
            _watch(site, watched, piece)
            faults += [fault for run in runs for fault in run.finish().faults]
    return watched, faults


def _crowded(site: Site) -> list[str]:
    """What is wrong with answers under as much load as there can be: of many users, and of one.

    Fewer come first: a process that has no connections to Postgres yet refuses some of many at once.
    """
    cookies = site.ada.cookies(site.auth)
    many, one = visits(site, cookies), creations(site, [cookies])
    faults: list[str] = []
    for load, connections in ((many, CONNECTIONS), (many, CROWD), (one, CONNECTIONS)):
        with running(site, site.gateway, load, connections, CROWD_SECONDS) as run:
            faults += run.finish().faults
    return faults


def _watch(site: Site, watched: Sequence[Watched], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for one in watched:
            one.kib.append(_held(site.pid(one.part), one.part))
        time.sleep(LOOK_SECONDS)


def _held(pid: int, part: str) -> int:
    """KiB of a part; of Postgres those of its largest backend, so one that leaks shows.

    Its buffers are shared, and count anew in every backend that has touched them. How many backends
    there are is up to the services' pools, which open one more when they need it.
    """
    if part != "postgres":
        return machine.memory_kib(pid)
    return max(machine.memory_kib(backend, shared=False) for backend in machine.tree(pid)[1:])


def report(watched: Sequence[Watched], faults: Sequence[str]) -> int:
    """Print what was seen; the exit status."""
    print(f"\n{'part':10}{'first MiB':>10}{'last MiB':>10}{'growth':>9}")
    for one in watched:
        first, last = one.ends
        verdict = "flat" if one.is_flat else f"GREW by more than {MOST_GROWTH:.0%}"
        print(f"{one.part:10}{first / 1024:>10.1f}{last / 1024:>10.1f}{one.growth:>9.1%}  {verdict}")
    for fault in faults:
        print(f"  {fault}")
    grown = [one.part for one in watched if not one.is_flat]
    said = [*(["grew: " + ", ".join(grown)] if grown else []), *(["answers were wrong"] if faults else [])]
    print(f"soak: {'; '.join(said) if said else 'every process is flat'}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
