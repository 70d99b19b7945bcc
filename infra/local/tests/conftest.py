"""What several of the tests of `make run` have."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import ports
from infra.local.tests.runs import Run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path / "data", ports.free())
    yield run
    if run.process is not None and run.process.poll() is None:
        run.end(signal.SIGTERM)
