"""The release before this one: its files, out of the history, and environments that its code runs in."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.bootstrap import ROOT
from infra.local.stack import Stack

COMMIT = (ROOT / "infra/previous-release").read_text().strip()
SERVICES = ("services/auth", "services/expenses")
PIN = re.compile(r"^[\w.-]+(?:\[[\w,-]+\])?==\S+", re.MULTILINE)
# Journeys of that release that are no promise of its services.
LEFT_OUT = (
    # The gateway's own way to the pages, which is no service's: this one's gateway has expenses lead there.
    "journeys/test_http.py::test_health_and_documentation_are_public",
    # Its export is smaller than what the sockets of some machines hold.
    "journeys/test_transfer.py::test_an_export_whose_account_is_erased_is_cut_and_never_looks_whole",
)


def in_history() -> bool:
    """Not in a clone without its history, nor in files that were copied."""
    asked = ["git", "-C", str(ROOT), "cat-file", "-e", f"{COMMIT}^{{commit}}"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def unpack(folder: Path) -> Path:
    """Its tree, in `folder`, ready to run."""
    with subprocess.Popen(["git", "-C", str(ROOT), "archive", COMMIT], stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=True)
    assert archive.returncode == 0
    for name in SERVICES:
        make_environment(folder / name, ROOT / name, "requirements.lock")
    make_environment(folder / "tests-e2e", ROOT / "tests-e2e", "requirements-dev.lock")
    return folder


def make_environment(there: Path, here: Path, lock: str) -> None:
    """Packages as its lock pins them: this release's own environment if that has them all."""
    pins = set(PIN.findall((there / lock).read_text()))
    assert pins
    if pins <= set(PIN.findall((here / lock).read_text())):
        (there / ".venv").symlink_to(here / ".venv")
        return
    subprocess.run([sys.executable, "-m", "venv", str(there / ".venv")], check=True)
    pip = [str(there / ".venv/bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "--disable-pip-version-check", "-r", str(there / lock)], check=True)


def journeys(tree: Path, stack: Stack, *files: str, but: Sequence[str] = ()) -> None:
    """What a release promised its clients, all of it or that in `files`, on whatever `stack` runs now."""
    left_out = [option for name in (*LEFT_OUT, *but) for option in ("--deselect", name)]
    python = str(tree / "tests-e2e/.venv/bin/python")
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *left_out, *(files or ["journeys"])],
        cwd=tree / "tests-e2e",
        env=os.environ | {"BASE_URL": stack.base_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
