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

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from infra.local import bootstrap  # noqa: E402 - found only now
from infra.local.failure import Failure  # noqa: E402 - the same
from infra.local.stack import Stack  # noqa: E402 - the same

HERE = Path(__file__).parent
REPORTS = HERE.parent / "reports"
PACE_SECONDS = 10  # as in locustfile.py
RATE = float(os.environ.get("RATE", "2"))
DURATION = int(os.environ.get("DURATION", "30"))
BUDGETS = {
    "read": float(os.environ.get("READ_P95_MS", "500")),
    "write": float(os.environ.get("WRITE_P95_MS", "1500")),
}


def locust(base_url: str, *, ui: bool) -> int:
    """Run it; the exit status of the verdict."""
    REPORTS.mkdir(exist_ok=True)
    users = str(max(1, math.ceil(RATE * PACE_SECONDS)))
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--host", base_url]
    command += ["--users", users, "--spawn-rate", str(max(RATE, 0.1))]
    if ui:
        print("Locust's page: http://localhost:8089 (Ctrl-C ends it)")
        return subprocess.run(command, check=False).returncode
    command += ["--headless", "--only-summary", "--loglevel", "WARNING", "--stop-timeout", "20"]
    command += ["--run-time", f"{DURATION}s"]
    command += ["--csv", str(REPORTS / "load"), "--html", str(REPORTS / "load.html")]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
    return verdict(done)


def verdict(status: int) -> int:
    """Print what was measured and whether it is within the budgets."""
    with (REPORTS / "load_stats.csv").open() as file:
        rows = list(csv.DictReader(file))
    total = next(row for row in rows if row["Name"] == "Aggregated")
    missed = []
    columns = ("Request Count", "Failure Count", "50%", "95%")
    print(f"\n{'call':24}{'requests':>9}{'failed':>9}{'p50 ms':>9}{'p95 ms':>9}  budget")
    for row in rows:
        kind, _, name = row["Name"].partition(": ")
        if not name:
            continue
        within = float(row["95%"]) <= BUDGETS[kind] and row["Failure Count"] == "0"
        missed += [] if within else [row["Name"]]
        figures = "".join(f"{row[column]:>9}" for column in columns)
        print(f"{row['Name']:24}{figures}  {BUDGETS[kind]:.0f} ms {'kept' if within else 'MISSED'}")
    if int(total["Request Count"]) == 0 or (status and not missed):
        missed.append("the run itself")
    print(f"\n{total['Request Count']} requests, {float(total['Requests/s']):.0f}/s")
    print(f"report: {REPORTS / 'load.html'}")
    print(f"load: {'MISSED by ' + ', '.join(missed) if missed else 'within all budgets'}")
    return 1 if missed else 0


def main() -> int:
    """The exit status: 0 only within all budgets."""
    ui = "--ui" in sys.argv[1:]
    if given := os.environ.get("BASE_URL"):
        return locust(given, ui=ui)
    data = Path(tempfile.mkdtemp(prefix="load-"))
    try:
        bootstrap.install(bootstrap.RUN, develop=False)
        with Stack(data, port=0) as stack:
            return locust(stack.base_url, ui=ui)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
