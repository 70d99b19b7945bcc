"""`make audit`: Dockerfiles, known weaknesses of dependencies, secrets in files, bills of materials.

    make audit                the status is 0 only when all was asked and nothing was found
    make audit JUDGED=1       takes what looks like a secret now for judged: read the diff, then commit it

1 is for findings. 2 says that something could not be asked, so that nobody takes it for good.
"""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial

from infra.audit import checks
from infra.local import bootstrap
from infra.local.bootstrap import ROOT
from infra.local.failure import Failure

FOLDER = "infra/audit"
BILLS = ROOT / "reports/sbom"
FOUND = 1
UNKNOWN = 2


def steps() -> Iterator[tuple[str, Callable[[], Iterator[str]]]]:
    """Each with its name; all are made, whatever the others find."""
    yield "Dockerfiles", partial(checks.dockerfiles, checks.tracked("*Dockerfile"))
    yield "secrets in files", partial(checks.secrets, checks.tracked())
    for lock in checks.tracked("*requirements.lock"):
        name = str(lock.parent.relative_to(ROOT))
        bill = BILLS / f"{name.replace('/', '-')}.cdx.json"
        yield f"bill of materials of {name}", partial(checks.bill_of_materials, lock, bill)
    for lock in checks.tracked("*requirements-dev.lock"):  # which has all of the other one
        yield f"advisories on {lock.parent.relative_to(ROOT)}", partial(checks.advisories, lock)


def judge() -> None:
    """Take what looks like a secret now for judged."""
    found = list(checks.suspects(checks.tracked()))
    lines = sorted({json.dumps({name: each[name] for name in ("file", "kind", "digest")}) for each in found})
    checks.BASELINE.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{checks.BASELINE.relative_to(ROOT)} holds {len(lines)} that look like secrets.")


def report(name: str, step: Callable[[], Iterator[str]]) -> int:
    """Make one step and print a line, and one for each finding; what it means for the status."""
    found, unknown = [], ""
    try:
        for finding in step():
            found.append(finding)  # noqa: PERF402 - those before a NotAsked count
    except checks.NotAsked as error:
        unknown = str(error)
    word = "FOUND  " if found else "UNKNOWN" if unknown else "ok     "
    print(f"  {word}  {name}", flush=True)
    for line in found:
        print(f"             {line}")
    if unknown:
        print(f"             Not checked, so neither good nor bad: {unknown}.")
    return FOUND if found else UNKNOWN if unknown else 0


def main(arguments: list[str]) -> int:
    """The exit status."""
    try:
        bootstrap.install((FOLDER,), develop=True)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return UNKNOWN
    if arguments == ["--judged"]:
        judge()
        return 0
    statuses = {report(name, step) for name, step in steps()}
    print(f"Bills of materials: {BILLS.relative_to(ROOT)}")
    if UNKNOWN in statuses:
        print("audit: something could not be asked; what is UNKNOWN above is not known to be good.")
    return FOUND if FOUND in statuses else UNKNOWN if UNKNOWN in statuses else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
