"""`make bench`: measures each row against its reference, both in turn, and says which miss their goals.

Environment: ROWS (such as P1,P3), QUICK=1, ROUNDS, GROWTH (100k, 1M, 10M), REPORTS.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from bench import machine, wrk
from bench.catalogue import ROWS
from bench.figures import Curve, Line, verdict
from bench.options import Options, from_environment
from bench.picture import picture
from bench.site import Site
from bench.stopping import Stopped, catch_signals
from bench.table import document, remarks, summary, table
from infra.local import bootstrap
from infra.local.failure import Failure

OPEN_FILES = 8192  # 1,500 connections of the overload, twice in the gateway


def main() -> int:
    """The exit status: 0 only if every row that was measured has met its goal."""
    catch_signals()
    try:
        options = from_environment(list(ROWS))
        wrk.require()
        machine.open_files(OPEN_FILES)
        bootstrap.install(bootstrap.RUN, develop=False)
        return _run(options)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except Stopped:
        print("bench: stopped.", file=sys.stderr)
        return 130


def _run(options: Options) -> int:
    started = time.monotonic()
    lines: list[Line] = []
    print(f"{machine.description()}; {options.rounds} rounds of {options.seconds} s a side", flush=True)
    with Site(options) as site:
        for name in options.rows:
            site.say(f"{time.strftime('%H:%M:%S')} {name}")
            for line in _measured(site, name):
                site.say(f"    {summary(line)}")
                lines.append(line)
        curves = list(site.curves)
    print(f"\n{table(lines)}\n")
    for remark in remarks(lines):
        print(f"  {remark}")
    _write(options, lines, curves)
    return _verdict(lines, time.monotonic() - started)


def _measured(site: Site, name: str) -> Iterator[Line]:
    """The lines of a row; one that cannot be measured has failed, and the others go on."""
    try:
        yield from ROWS[name](site)
    except Failure as failure:
        yield Line(name, "not measured", "-", "-", "", [], notes=(str(failure),))
    finally:
        site.end_extras()


def _write(options: Options, lines: Sequence[Line], curves: Sequence[Curve]) -> None:
    options.reports.mkdir(parents=True, exist_ok=True)
    about = {"machine": machine.description(), "date": datetime.now(UTC).date().isoformat()}
    about["rounds"] = f"{options.rounds} rounds of {options.seconds} s a side"
    files = {
        "bench.json": json.dumps(document(lines, curves, **about), indent=1) + "\n",
        "bench.svg": picture(lines, curves, ", ".join(about.values())),
        "bench.txt": f"{', '.join(about.values())}\n\n{table(lines)}\n",
    }
    for name, text in files.items():
        (options.reports / name).write_text(text)
    print(f"reports: {options.reports}/bench.txt, bench.json, bench.svg")


def _verdict(lines: Sequence[Line], seconds: float) -> int:
    missed = [f"{line.row} ({line.variant})" for line in lines if verdict(line) in {"MISSED", "FAILED"}]
    said = f"{len(missed)} of {len(lines)} miss: {', '.join(missed)}" if missed else "all goals are met"
    print(f"bench: {said}; {seconds / 60:.0f} min")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
