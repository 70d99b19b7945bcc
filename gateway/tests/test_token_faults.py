"""auth is down, hung or not ready while a personal access token is used: 503 with `Retry-After`, and it heals."""

import signal
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from conftest import Stack
from processes import in_time, ready_gateway, running_upstream, wait_until

PATHS = ["/api/v1/expenses", "/api/v1/expenses/import", "/api/v1/auth/me"]


def ask(client: httpx.Client, path: str, token: str = "ea_pat_x") -> httpx.Response:  # noqa: S107 - a stand-in's
    headers = {"Authorization": f"Bearer {token}", "Cookie": "a=secret", "X-Request-ID": "rid-f"}
    return client.post(path, headers=headers, content=b"{}")


def assert_unavailable(answer: httpx.Response, path: str) -> None:
    document = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert (document["status"], document["instance"], document["by"]) == (503, path, "expenses")
    assert answer.headers["x-request-id"] == document["request_id"] == "rid-f"
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not document["credentials"]


def wait_healed(client: httpx.Client, path: str) -> None:
    wait_until(lambda: ask(client, path).status_code == 200, what="healed")


@pytest.mark.parametrize("path", PATHS)
def test_auth_killed(own_stack: Stack, path: str) -> None:
    """From the first request on, before a health check knows it; other bearers go on."""
    assert ask(own_stack.client, path).status_code == 200
    before = own_stack.expenses.seen()
    own_stack.auth.kill()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert_unavailable(ask(own_stack.client, path), path)
    assert own_stack.expenses.seen() == before
    assert ask(own_stack.client, "/api/v1/expenses", "a.b.c").status_code == 200
    own_stack.auth.restart()
    wait_healed(own_stack.client, path)


def test_auth_hung(own_stack: Stack) -> None:
    """Told within five seconds, known five seconds later, and healed after five more."""
    path = "/api/v1/expenses"

    def tried() -> bool:
        own_stack.auth.process.send_signal(signal.SIGSTOP)
        times = [time.monotonic()]
        assert_unavailable(ask(own_stack.client, path), path)
        times.append(time.monotonic())
        wait_until(lambda: answers_at_once(own_stack.client, path), what="known to be down")
        times.append(time.monotonic())
        own_stack.auth.process.send_signal(signal.SIGCONT)
        wait_healed(own_stack.client, path)
        times.append(time.monotonic())
        return all(after - before < 5 for before, after in pairwise(times))

    in_time(tried)


def answers_at_once(client: httpx.Client, path: str) -> bool:
    began = time.monotonic()
    assert_unavailable(ask(client, path), path)
    return time.monotonic() - began < 0.5


def test_one_exchange_that_hangs_is_given_up_within_five_seconds(stack: Stack) -> None:
    def tried() -> bool:
        began = time.monotonic()
        assert_unavailable(ask(stack.client, "/api/v1/expenses", "ea_pat_hang"), "/api/v1/expenses")
        seconds = time.monotonic() - began
        assert seconds > 3.5
        return seconds < 5

    in_time(tried)
    assert ask(stack.client, "/api/v1/expenses").status_code == 200


def test_auth_not_ready(own_stack: Stack) -> None:
    path = "/api/v1/expenses"
    own_stack.auth.control(ready=0)
    wait_until(lambda: ask(own_stack.client, path).status_code == 503, what="known")
    before = own_stack.auth.seen()
    assert_unavailable(ask(own_stack.client, path), path)
    assert own_stack.auth.seen() == before
    own_stack.auth.control(ready=1)
    wait_healed(own_stack.client, path)


def test_expenses_down_is_told_by_auth(own_stack: Stack) -> None:
    own_stack.expenses.kill()
    path = "/api/v1/expenses"
    wait_until(lambda: ask(own_stack.client, path).status_code == 503, what="known")
    answer = ask(own_stack.client, path)
    assert (answer.json()["by"], answer.json()["instance"], answer.headers["retry-after"]) == ("auth", path, "2")
    assert ask(own_stack.client, "/api/v1/auth/me").status_code == 200


def test_expenses_that_hangs_is_still_504(own_stack: Stack) -> None:
    answer = ask(own_stack.client, "/api/v1/expenses/hang")
    assert (answer.status_code, answer.json()["by"]) == (504, "auth")


def test_both_down_is_a_status_without_a_document(own_stack: Stack) -> None:
    own_stack.auth.kill()
    own_stack.expenses.kill()
    wait_until(lambda: ask(own_stack.client, "/api/v1/expenses").status_code == 503, what="503")


@pytest.mark.parametrize("doomed", [0, 1])
def test_one_of_two_servers_of_auth_is_enough(tmp_path: Path, doomed: int) -> None:
    with (
        running_upstream("auth") as one,
        running_upstream("auth") as two,
        running_upstream("expenses") as expenses,
        ready_gateway(tmp_path, f"{one.url} {two.url}", expenses.url) as gateway,
        httpx.Client(base_url=gateway.url, timeout=15) as client,
    ):
        for _ in range(10):
            assert ask(client, "/api/v1/expenses").status_code == 200
        assert all(len(server.seen()) == 5 for server in (one, two))
        (one, two)[doomed].kill()
        assert [ask(client, "/api/v1/expenses").status_code for _ in range(40)] == [200] * 40
