"""`make load`: Locust through the gateway, headless, judged by budgets; starts a stack if none is named.

Environment: BASE_URL, RATE (people a second), DURATION (s), READ_P95_MS, WRITE_P95_MS.
"""

import csv
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from bench.stopping import Stopped, catch_signals
from infra.local import bootstrap
from infra.local.failure import Failure
from infra.local.stack import Stack
from load.budgets import Asked, missed, table

HERE = Path(__file__).parent
REPORTS = HERE.parent / "reports"
LOG = REPORTS / "load.log"
PACE_SECONDS = 10  # as in locustfile.py
LAST_VISIT_SECONDS = 20
AFTER_SECONDS = 60  # until a run that should have ended is stopped
UI_SECONDS = 3600


def locust(base_url: str, asked: Asked, *, ui: bool) -> int:
    """Run it; the exit status of the verdict."""
    REPORTS.mkdir(exist_ok=True)
    users = str(max(1, math.ceil(asked.rate * PACE_SECONDS)))
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--host", base_url]
    command += ["--users", users, "--spawn-rate", str(asked.rate)]
    command += ["--stop-timeout", str(LAST_VISIT_SECONDS)]
    if ui:
        command += ["--web-host", "127.0.0.1"]
        print(f"Locust's page: http://localhost:8089 (Ctrl-C ends it, else {UI_SECONDS // 60} minutes)")
        return _finished(command, UI_SECONDS)
    command += ["--headless", "--only-summary", "--loglevel", "WARNING", "--run-time", f"{asked.seconds}s"]
    command += ["--csv", str(REPORTS / "load"), "--html", str(REPORTS / "load.html")]
    for old in REPORTS.glob("load*"):
        old.unlink()
    with LOG.open("w") as log:
        status = _finished(command, asked.seconds + LAST_VISIT_SECONDS + AFTER_SECONDS, log)
    return verdict(status, asked)


def _finished(command: list[str], seconds: int, log: IO[str] | None = None) -> int:
    """The exit status; Locust is stopped when it takes longer."""
    try:
        done = subprocess.run(command, check=False, stdout=log, stderr=log, timeout=seconds)
    except subprocess.TimeoutExpired:
        print(f"load: stopped after {seconds} s.", file=sys.stderr)
        return 1
    return done.returncode


def verdict(status: int, asked: Asked) -> int:
    """Print what was measured and whether it is within the budgets."""
    file = REPORTS / "load_stats.csv"
    if not file.exists():
        raise Failure(f"Locust left no figures:\n{LOG.read_text()[-2000:]}")
    with file.open() as opened:
        rows = list(csv.DictReader(opened))
    said = missed(rows, asked.budgets, asked.people)
    if status and not said:
        said.append(f"Locust ended with status {status}")
    print(f"\n{table(rows, asked.budgets)}\n\nreport: {REPORTS / 'load.html'}")
    for text in said:
        print(f"  {text}")
    print(f"load: {'MISSED' if said else 'within all budgets'}")
    return 1 if said else 0


def main() -> int:
    """The exit status: 0 only within all budgets."""
    ui = "--ui" in sys.argv[1:]
    catch_signals()
    data = Path(tempfile.mkdtemp(prefix="load-"))
    try:
        asked = Asked.read(os.environ)
        if given := os.environ.get("BASE_URL"):
            return locust(given, asked, ui=ui)
        bootstrap.install(bootstrap.RUN, develop=False)
        with Stack(data, port=0) as stack:
            return locust(stack.base_url, asked, ui=ui)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except Stopped:
        print("load: stopped.", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
