"""`make logs REQUEST=…` on logs that were left; that it explains real failures is in tests-e2e/logs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import bootstrap

GATEWAY: dict[str, object] = {
    "DownstreamStatus": 503, "Duration": 12_345_678, "OriginStatus": 0, "RequestMethod": "GET",
    "RequestPath": "/api/v1/expenses", "RouterName": "public@file -> expenses-reads@file",
    "ServiceAddr": "127.0.0.1:8001", "StartUTC": "2026-11-26T08:00:00.100000000Z",
    "time": "2026-11-26T08:00:00Z", "level": "info", "msg": "",
}  # fmt: skip
COMMON: dict[str, object] = {"service": "expenses", "version": "0.1.0", "request_id": "r-1"}
WARNING = COMMON | {
    "ts": "2026-11-26T08:00:00.105Z", "level": "warning", "event": "database_unavailable",
    "reason": "57P01", "connections": "direct", "user_id": "u",
}  # fmt: skip
ANSWER = COMMON | {
    "ts": "2026-11-26T08:00:00.110Z", "level": "info", "event": "request", "method": "GET",
    "path": "/api/v1/expenses", "route": "/api/v1/expenses", "status": 503, "duration_ms": 9.6,
    "problem": "unavailable", "cause": "postgres, direct: 57P01", "user_id": "u", "session_id": "s",
    "trace_id": None,
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Lines of this run and of the one before, of other requests, and what is no line at all."""
    (tmp_path / "logs").mkdir()
    gateway = GATEWAY | {"downstream_X-Request-Id": "r-1"}
    other = ANSWER | {"request_id": "r-11", "path": "/r-1"}
    logs = {"gateway": [gateway], "expenses": [WARNING, other, ANSWER], "auth": []}
    for part, lines in logs.items():
        text = "not JSON: r-1\n" + "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"logs/{part}.log").write_text(text)
    before = GATEWAY | {"request_X-Request-Id": "r-0", "OriginStatus": 502, "StartUTC": "2026-11-25T"}
    (tmp_path / "logs/gateway.log.1").write_text(json.dumps(before) + "\n")
    return tmp_path


def typed(data: Path, request_id: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "logs", f"PYTHON={sys.executable}", f"DATA={data}"]
    environment = os.environ | {"REQUEST": request_id}
    return subprocess.run(
        command, cwd=bootstrap.ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_all_lines_of_a_request_in_their_order(data: Path) -> None:
    done = typed(data, "r-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        (
            "08:00:00.100 gateway   GET /api/v1/expenses → 503; 12 ms;"
            " by public@file -> expenses-reads@file at 127.0.0.1:8001"
        ),
        "08:00:00.105 expenses  warning database_unavailable reason=57P01 connections=direct",
        (
            "08:00:00.110 expenses  GET /api/v1/expenses → 503 unavailable, because: postgres, direct: 57P01;"
            " 10 ms; user u, session s"
        ),
    ]


def test_one_of_the_run_before_too(data: Path) -> None:
    assert "at 127.0.0.1:8001, which answered 502" in typed(data, "r-0").stdout


@pytest.mark.parametrize("unknown", ["r-2", "-x", "$(id)", "';'"])
def test_an_unknown_one_is_told_in_a_sentence(data: Path, unknown: str) -> None:
    done = typed(data, unknown)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert f"No part's log has a request {unknown}; " in done.stderr
