import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import structlog

from auth_service.metrics import Metrics
from auth_service.request_log import RequestLog
from auth_service.telemetry import configure_logging


@contextmanager
def full() -> Iterator[None]:
    """Standard output is a disk that takes nothing."""
    disk = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", disk)
        configure_logging("info")
        yield
    configure_logging("info")
    with suppress(OSError):  # it tries once more
        disk.close()


def lost() -> float:
    return Metrics().registry.get_sample_value("log_lines_lost_total") or 0.0


def test_lines_that_are_not_taken_are_counted_and_nothing_more() -> None:
    before = lost()
    with full():
        structlog.get_logger().warning("not_taken")
        structlog.get_logger().error("nor_this")
        assert lost() == before + 2


async def test_so_are_the_lines_of_requests() -> None:
    state = {"request_id": "r", "trace_id": None}
    before = lost()
    with full():
        log = RequestLog("info")
        for _ in range(3):
            log.write({"method": "GET", "path": "/x", "state": state}, None, 200, 0)
        log.flush()
        assert lost() == before + 3


def test_a_line_that_is_taken_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    before = lost()
    structlog.get_logger().info("taken")
    assert lost() == before
    assert '"event": "taken"' in capsys.readouterr().out
