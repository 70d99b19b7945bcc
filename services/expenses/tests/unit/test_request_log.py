import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from expenses_service.request_log import FLUSH_SECONDS, RequestLog, _instant

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
STATE = {
    "request_id": "r", "user_id": "u", "session_id": "s", "trace_id": TRACE, "problem": "conflict",
    "cause": "why",
}  # fmt: skip


def scope(path: str = "/api/v1/expenses", **state: str | None) -> dict[str, Any]:
    return {"method": "GET", "path": path, "state": {"request_id": "r", "trace_id": None} | state}


async def test_a_line_has_what_was_agreed(capsys: pytest.CaptureFixture[str]) -> None:
    log = RequestLog("info")
    before = datetime.now(UTC)
    log.write(scope(**STATE), "/api/v1/expenses", 200, 0.0012345)
    after = datetime.now(UTC)
    log.write(scope('/"\\\n\u2028é'), None, 404, 0)
    log.flush()
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert before <= datetime.fromisoformat(first.pop("ts")) <= after
    assert first == {
        **STATE, "event": "request", "level": "info", "service": "expenses", "version": "0.1.0",
        "method": "GET", "route": "/api/v1/expenses", "path": "/api/v1/expenses", "status": 200,
        "duration_ms": 1.234,
    }  # fmt: skip
    assert second["path"] == '/"\\\n\u2028é'
    unknown = ("route", "user_id", "session_id", "trace_id", "problem", "cause")
    assert [second[name] for name in unknown] == [None] * 6


async def test_lines_come_by_themselves_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    log = RequestLog("info")
    for _ in range(2):
        log.write(scope(), None, 200, 0)
        log.write(scope(), None, 200, 0)
        assert capsys.readouterr().out == ""
        await asyncio.sleep(2 * FLUSH_SECONDS)
        assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize(
    ("level", "told"), [("debug", ["/x", "/livez"]), ("info", ["/x"]), ("warning", [])]
)
async def test_the_level_decides(
    capsys: pytest.CaptureFixture[str], level: str, told: list[str]
) -> None:
    log = RequestLog(level)
    log.write(scope("/x"), None, 200, 0)
    log.write(scope("/livez"), "/livez", 200, 0)
    log.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["path"] for line in lines] == told
    assert [line["level"] for line in lines] == ["info", "debug"][: len(told)]


@pytest.mark.parametrize(
    ("at", "told"),
    [(1.0, "00:00:01.000000Z"), (2 + 2**-17, "00:00:02.000007Z"), (1.5, "00:00:01.500000Z")],
)
def test_an_instant_has_all_its_digits(at: float, told: str) -> None:
    assert _instant(at) == f"1970-01-01T{told}"
