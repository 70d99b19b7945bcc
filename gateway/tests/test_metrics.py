"""What Prometheus is told, at an address of its own and nowhere else."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest
from conftest import Stack, run_stack
from processes import GATEWAY, PROBE, free_port, wait_until
from test_configuration import complete_environment, run_start
from wire import exchange, request


@dataclass
class Watched(Stack):
    """A gateway that is asked for its metrics."""

    address: str

    def text(self) -> str:
        return PROBE.get(f"http://{self.address}/metrics", timeout=15).text

    def told(self, name: str, **labels: str) -> dict[str, float]:
        """Of a metric's series with these labels: the value, by what sets it apart from the others."""
        found = {}
        for series, value in re.findall(rf"^{name}{{(.*)}} (\S+)$", self.text(), re.MULTILINE):
            told = dict(re.findall(r'(\w+)="([^"]*)"', series))
            if labels.items() <= told.items():
                rest = (text for key, text in told.items() if key not in {*labels, "protocol"})
                found[" ".join(rest)] = float(value)
        return found


@contextmanager
def watching(folder: Path) -> Iterator[Watched]:
    address = f"127.0.0.1:{free_port()}"
    with contextmanager(run_stack)(folder, GATEWAY_METRICS_ADDRESS=address) as stack:
        yield Watched(stack.gateway, stack.auth, stack.expenses, stack.client, address)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watching(tmp_path_factory.mktemp("watched")) as stack:
        yield stack


def test_what_clients_got_is_counted_and_what_services_gave(watched: Watched) -> None:
    for path in ("/api/v1/expenses", "/api/v1/auth/own-503", "/nowhere"):
        watched.client.patch(path)
    got = {"200": 1.0, "404": 1.0, "503": 1.0}
    gave = {"200 expenses-servers@file": 1.0, "503 auth-servers@file": 1.0}
    of_clients = partial(watched.told, entrypoint="web", method="PATCH")
    becomes(partial(of_clients, "traefik_entrypoint_requests_total"), got)
    becomes(partial(of_clients, "traefik_entrypoint_request_duration_seconds_count"), got)
    becomes(partial(watched.told, "traefik_service_requests_total", method="PATCH"), gave)


def test_a_client_makes_no_series_and_puts_nothing_into_them(watched: Watched) -> None:
    headers = {"Authorization": "Bearer planted-token", "Cookie": "a=planted-cookie", "User-Agent": "planted"}
    watched.client.get("/api/v1/expenses/planted-path?q=planted-query", headers=headers)
    before = len(watched.text().splitlines())
    for number in range(20):
        watched.client.request(f"PLANTED{number}", f"/api/v1/expenses/planted-{number}", headers=headers)
    assert "planted" not in watched.text().lower()
    assert len(watched.text().splitlines()) - before < 40  # those of one method more


@pytest.mark.parametrize("path", ["/", "/ping", "/healthz", "/api/v1/expenses", "/api/rawdata", "/debug/pprof/"])
def test_nothing_else_is_at_that_address(watched: Watched, path: str) -> None:
    before = watched.everything_seen()
    assert httpx.get(f"http://{watched.address}{path}").status_code == 404
    assert watched.everything_seen() == before


def of_go(metrics: str) -> dict[str, float]:
    """What Go's collector is told: percent of what is in use, and bytes."""
    return {
        name: float(value)
        for name, value in re.findall(r"^go_gc_(gogc_percent|gomemlimit_bytes) (\S+)$", metrics, re.MULTILINE)
    }


def test_garbage_is_collected_as_seldom_as_agreed(watched: Watched) -> None:
    assert of_go(watched.text()) == {"gogc_percent": 400, "gomemlimit_bytes": 768 * 1024**2}


def test_an_operator_may_have_it_otherwise(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = {"GATEWAY_METRICS_ADDRESS": address, "GOGC": "50", "GOMEMLIMIT": "1GiB"}
    with contextmanager(run_stack)(tmp_path, **settings):
        told = of_go(PROBE.get(f"http://{address}/metrics", timeout=15).text)
    assert told == {"gogc_percent": 50, "gomemlimit_bytes": 1024**3}


def test_metrics_are_not_public_whatever_host_is_named(watched: Watched) -> None:
    for target in ("/metrics", f"http://{watched.address}/metrics", "//metrics", "/./metrics"):
        answer = exchange(watched.port, request(target, f"X-Forwarded-Host: {watched.address}"))
        assert (answer.status, answer.json()["status"]) == (404, 404)
        assert b"traefik_" not in answer.body
    named = watched.client.get("/metrics", headers={"Host": watched.address})
    assert (named.status_code, named.headers["content-type"]) == (404, "application/problem+json")


def becomes(told: Callable[[], dict[str, float]], wanted: dict[str, float]) -> None:
    """Wait until just this is told: what is counted is counted behind the answer."""
    wait_until(lambda: told() == wanted, what=str(wanted))


def servers_become(stack: Watched, servers: dict[str, float]) -> None:
    """Wait until these servers of expenses are told, and whether each is ready."""
    becomes(partial(stack.told, "traefik_service_server_up", service="expenses-servers@file"), servers)


def test_which_server_is_ready_is_told_and_one_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    with watching(tmp_path) as stack:
        servers_become(stack, {stack.expenses.url: 1})
        stack.expenses.control(ready=0)
        servers_become(stack, {stack.expenses.url: 0})
        environment = complete_environment(tmp_path) | {"AUTH_URL": stack.auth.url, "EXPENSES_URL": stack.auth.url}
        subprocess.run([GATEWAY / "start", "servers"], env=environment, check=True)
        servers_become(stack, {stack.auth.url: 1})


def test_a_file_that_is_gone_takes_its_own_routes_alone_and_that_is_told(tmp_path: Path) -> None:
    with watching(tmp_path) as stack:
        servers_become(stack, {stack.expenses.url: 1})
        file = tmp_path / "dynamic/expenses.yml"
        text = file.read_text()
        file.unlink()
        servers_become(stack, {})
        paths = ("/api/v1/expenses", "/api/v1/auth/me", "/healthz")
        wait_until(lambda: [stack.client.get(path).status_code for path in paths] == [404, 200, 200], what="gone")
        file.write_text(text)
        servers_become(stack, {stack.expenses.url: 1})
        wait_until(lambda: stack.client.get("/api/v1/expenses").status_code == 200, what="back")


def test_without_an_address_they_are_on_loopback(stack: Stack) -> None:
    """As the probe is: on any free port."""
    assert '  metrics:\n    address: "127.0.0.1:0"\n' in (stack.gateway.log_path.parent / "traefik.yml").read_text()


def test_start_refuses_what_is_no_address(tmp_path: Path) -> None:
    result = run_start(complete_environment(tmp_path) | {"GATEWAY_METRICS_ADDRESS": '127.0.0.1:1" x'})
    assert result.returncode == 2
    assert "GATEWAY_METRICS_ADDRESS" in result.stderr
