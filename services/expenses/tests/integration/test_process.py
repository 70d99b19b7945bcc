"""`python -m expenses_service` as an operator runs it: how it refuses to start, how it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from expenses_service.settings import Settings
from tests.postgres import ROOT
from tests.valkey import free_port

COMMAND = [sys.executable, "-m", "expenses_service"]
PATIENT = [sys.executable, "-m", "tests.patient"]


def environment(settings: Settings, **more: str) -> dict[str, str]:
    ours = {
        f"EXPENSES_{name}".upper(): str(value)
        for name, value in settings.model_dump().items()
        if value is not None
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), **ours, **more}


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own process
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait_for(url: str, wanted: int) -> None:
    deadline = time.monotonic() + 60
    while status(url) != wanted:
        assert time.monotonic() < deadline, status(url)
        time.sleep(0.02)


@contextmanager
def served(
    settings: Settings, command: Sequence[str] = COMMAND, **more: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    process = subprocess.Popen(
        command,
        env=environment(settings, PORT=str(port), **more),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz", 200)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        sys.stdout.write(process.communicate()[0] or "")  # beside a failure


def refusal(variables: dict[str, str]) -> str:
    done = subprocess.run(
        COMMAND, env=variables, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def test_without_settings_it_says_which_are_missing(settings: Settings) -> None:
    variables = {k: v for k, v in environment(settings).items() if not k.startswith("EXPENSES_")}
    said = refusal(variables)
    assert "EXPENSES_DATABASE_URL is not set" in said


def test_without_its_secret_it_says_which_file(settings: Settings, tmp_path: Path) -> None:
    said = refusal(environment(settings, EXPENSES_DATABASE_PASSWORD_FILE=str(tmp_path / "absent")))
    assert f"{tmp_path}/absent cannot be read" in said


def test_an_origin_on_plain_http_is_refused(settings: Settings) -> None:
    said = refusal(environment(settings, EXPENSES_PUBLIC_ORIGIN="http://money.example"))
    assert "EXPENSES_PUBLIC_ORIGIN is not valid" in said


def test_at_sigterm_it_is_first_unready_then_gone(settings: Settings) -> None:
    with served(settings, EXPENSES_DRAIN_SECONDS="5") as (process, url):
        process.send_signal(signal.SIGTERM)
        wait_for(f"{url}/readyz", 503)
        assert status(f"{url}/livez") == 200
        said, _ = process.communicate(timeout=20)
    assert process.returncode in {0, -signal.SIGTERM}
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_drain_it_stops_at_once(settings: Settings, number: signal.Signals) -> None:
    with served(settings) as (process, url):
        assert status(f"{url}/livez") == 200
        process.send_signal(number)
        said, _ = process.communicate(timeout=20)
    for line in said.splitlines():
        assert json.loads(line)["service"]


def test_no_line_of_the_log_tells_what_was_sent(settings: Settings) -> None:
    with served(settings, EXPENSES_LOG_LEVEL="debug") as (process, url):
        request = urllib.request.Request(  # noqa: S310 - our own process
            f"{url}/api/v1/unknown?token=planted-query",
            headers={
                "Cookie": "ea_access=planted-cookie",
                "Authorization": "Bearer planted-bearer",
            },
        )
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=5)  # noqa: S310 - the same
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    assert '"event": "request"' in said
    assert "planted" not in said


def test_a_head_leaves_the_connection_usable_and_is_logged_as_one(settings: Settings) -> None:
    path = "/api/v1/currencies"
    with served(settings) as (process, url):
        connection = HTTPConnection(url.removeprefix("http://"), timeout=5)
        try:
            for method in ("GET", "HEAD", "HEAD", "GET"):
                connection.request(method, path, headers={"X-Request-ID": method})
                answer = connection.getresponse()
                assert answer.status == 200
                assert bool(answer.read()) == (method == "GET")
                assert int(answer.headers["content-length"]) > 0
                assert answer.headers["x-request-id"] == method
                assert not answer.will_close
        finally:
            connection.close()
        process.send_signal(signal.SIGTERM)
        lines = [json.loads(line) for line in process.communicate(timeout=20)[0].splitlines()]
    asked = [line for line in lines if line.get("path") == path]
    assert [line["method"] for line in asked] == ["GET", "HEAD", "HEAD", "GET"]
    assert {line["route"] for line in asked} == {path}
    assert not [line for line in lines if line["level"] == "error"]


@pytest.mark.parametrize("line", ["GET /api/v1/expenses?q=é", "BREW /api/v1/expenses", "get /"])
def test_what_no_parser_reads_is_told_as_a_problem(settings: Settings, line: str) -> None:
    with served(settings) as (_, url):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(f"{line} HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\r\n\r\n".encode())
            answer = HTTPResponse(connection)
            answer.begin()
            told = json.loads(answer.read())
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert (answer.headers["cache-control"], answer.will_close) == ("no-store", True)
    assert (told["status"], told["code"], told["instance"]) == (400, "invalid_request", "/")
    assert told["request_id"] == answer.headers["x-request-id"]
    assert len(told["request_id"]) == 32


def test_an_answer_leaves_in_one_piece(settings: Settings) -> None:
    """So nobody is left with half of one, should the process hang right then."""
    with served(settings) as (_, url):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            for _ in range(50):
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                assert f"content-length: {len(body)}".encode() in head.splitlines()
