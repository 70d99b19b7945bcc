"""The files themselves: what Traefik refuses, what it says, and what it does not do."""

import re
import subprocess
import tempfile
from pathlib import Path

import httpx
import pytest
from conftest import Stack
from processes import (
    GATEWAY,
    edited_copy,
    free_port,
    ready_gateway,
    running_gateway,
    status_of,
    traefik_binary,
    wait_until,
)

STATIC = (GATEWAY / "traefik.yml").read_text()
OPTIONS = [
    "checkNewVersion",
    "sendAnonymousUsage",
    "trustedIPs",
    "notAppendXForwardedFor",
    "accessLogs",
    "maxHeaderBytes",
    "sanitizePath",
    "encodeQuerySemicolons",
    "aliasHeadersStrategy",
    "underscoreHeadersStrategy",
    "allowEncodedSlash",
    "allowEncodedBackSlash",
    "allowEncodedNullCharacter",
    "allowEncodedSemicolon",
    "allowEncodedPercent",
    "allowEncodedQuestionMark",
    "allowEncodedHash",
    "readTimeout",
    "writeTimeout",
    "idleTimeout",
    "queryParameters",
    "addEntryPointsLabels",
    "addServicesLabels",
    "addRoutersLabels",
    "buckets",
]


def run_start(environment: dict[str, str], script: Path = GATEWAY / "start") -> subprocess.CompletedProcess[str]:
    return subprocess.run([script], env=environment, capture_output=True, text=True, timeout=20, check=False)


def complete_environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "TRAEFIK_BIN": traefik_binary(),
        "GATEWAY_ADDRESS": f"127.0.0.1:{free_port()}",
        "GATEWAY_EXCHANGE_ADDRESS": f"127.0.0.1:{free_port()}",
        "GATEWAY_STATE": str(folder),
        "AUTH_URL": "http://127.0.0.1:1",
        "EXPENSES_URL": "http://127.0.0.1:1",
    }


@pytest.mark.parametrize("option", OPTIONS)
def test_traefik_knows_each_static_option(tmp_path: Path, option: str) -> None:
    """The same file with one letter more in the name is refused, so the name is right."""
    source = edited_copy(tmp_path, "traefik.yml", (f"{option}:", f"{option}x:"))
    result = run_start(complete_environment(tmp_path), source / "start")
    assert result.returncode != 0
    assert f"{option}x" in result.stdout + result.stderr


def test_the_header_strategies_are_values_that_traefik_knows(tmp_path: Path) -> None:
    edits = [
        ("aliasHeadersStrategy: reject #", "aliasHeadersStrategy: rejects #"),
        ("underscoreHeadersStrategy: reject", "underscoreHeadersStrategy: rejects"),
    ]
    result = run_start(complete_environment(tmp_path), edited_copy(tmp_path, "traefik.yml", *edits) / "start")
    assert result.returncode != 0
    assert "rejects" in result.stdout + result.stderr


@pytest.mark.parametrize("variable", ["GATEWAY_ADDRESS", "GATEWAY_STATE", "AUTH_URL", "EXPENSES_URL", "TRAEFIK_BIN"])
def test_start_names_what_is_missing(tmp_path: Path, variable: str) -> None:
    environment = complete_environment(tmp_path)
    del environment[variable]
    result = run_start(environment)
    assert result.returncode == 2
    assert re.fullmatch(rf"gateway: .*{variable}.*\n", result.stderr)


def test_port_in_use_is_said(stack: Stack, tmp_path: Path) -> None:
    environment = complete_environment(tmp_path) | {"GATEWAY_ADDRESS": f"127.0.0.1:{stack.port}"}
    result = run_start(environment)
    assert result.returncode != 0
    assert "address already in use" in result.stdout + result.stderr


@pytest.mark.parametrize("variable", ["AUTH_URL", "EXPENSES_URL"])
def test_a_missing_address_is_logged_plainly_and_healthz_is_not_true(tmp_path: Path, variable: str) -> None:
    """The files themselves say so too, should something else than `start` run them."""
    source = edited_copy(tmp_path, "start", (f'[ -n "${{{variable}:-}}" ] || refuse', ": "))
    addresses = {"AUTH_URL": "http://127.0.0.1:1", "EXPENSES_URL": "http://127.0.0.1:1"} | {variable: ""}
    with running_gateway(tmp_path, addresses["AUTH_URL"], addresses["EXPENSES_URL"], source) as gateway:
        wait_until(lambda: f"{variable} is not set: give the address" in gateway.log(), what="said")
        wait_until(lambda: status_of(f"{gateway.url}/healthz") == 404, what="listening")


@pytest.mark.parametrize("file", ["common.yml", "auth.yml", "expenses.yml", "tokens.yml"])
@pytest.mark.parametrize(
    ("old", "new"),
    [("http:\n", "http:\n  routerz: {}\n"), ("http:\n", "http: [\n"), ("http:\n", "{{ nonsense }}\nhttp:\n")],
    ids=["unknown field", "no YAML", "no template"],
)
def test_healthz_is_not_true_with_a_broken_file(stack: Stack, tmp_path: Path, file: str, old: str, new: str) -> None:
    source = edited_copy(tmp_path, f"dynamic/{file}", (old, new))
    with running_gateway(tmp_path, stack.auth.url, stack.expenses.url, source) as gateway:
        wait_until(lambda: f"dynamic/{file}" in gateway.log(), what="said")
        wait_until(lambda: status_of(f"{gateway.url}/healthz") == 404, what="listening")


def test_a_broken_edit_leaves_the_running_routes(stack: Stack, tmp_path: Path) -> None:
    source = edited_copy(tmp_path, "dynamic/auth.yml", ("http:\n", "http:\n"))
    with running_gateway(tmp_path, stack.auth.url, stack.expenses.url, source) as gateway:
        wait_until(lambda: status_of(f"{gateway.url}/api/v1/currencies") == 200, what="routes loaded")
        (tmp_path / "dynamic/auth.yml").write_text("http: [\n")
        wait_until(lambda: "dynamic/auth.yml" in gateway.log(), what="said")
        assert status_of(f"{gateway.url}/api/v1/currencies") == 200
        assert status_of(f"{gateway.url}/healthz") == 200


def test_a_running_gateway_is_moved_to_other_servers(stack: Stack, tmp_path: Path) -> None:
    with ready_gateway(tmp_path, stack.auth.url, stack.expenses.url) as gateway:
        assert httpx.get(f"{gateway.url}/api/v1/expenses").json()["service"] == "expenses"
        environment = complete_environment(tmp_path) | {"AUTH_URL": stack.auth.url, "EXPENSES_URL": stack.auth.url}
        for command, status in (("serve", 2), ("servers", 0)):
            done = subprocess.run([GATEWAY / "start", command], env=environment, capture_output=True, check=False)
            assert done.returncode == status
        moved = lambda: httpx.get(f"{gateway.url}/api/v1/expenses").json()["service"] == "auth"  # noqa: E731 - for the next line
        wait_until(moved, what="moved")
        assert gateway.process.poll() is None


def test_everything_loads_without_an_error(stack: Stack) -> None:
    """Traefik drops a router that names what does not exist, and only says so."""
    assert not re.findall(r'.*"level":"error".*', stack.gateway.log().split('"RouterName"')[0])


def test_the_same_files_serve_containers() -> None:
    """`start` puts these in; what the containers give is what stands there."""
    ours = [f'"127.0.0.1:{port}"' for port in (8079, 8078, 8077)]
    assert re.findall(r"address: (.*)", STATIC) == ['":8080"', *ours]
    assert "docker" not in STATIC
    assert "\napi:" not in STATIC
    assert "http3" not in STATIC


def test_probe_for_the_container_health_check(stack: Stack) -> None:
    """`traefik healthcheck` asks the loopback entry point of the same static file."""
    del stack  # only so that a working Traefik is known to be there
    port, probe = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ports = {":8080": port, "127.0.0.1:8079": probe, "127.0.0.1:8078": free_port(), "127.0.0.1:8077": free_port()}
        edits = [(f'"{address}"', f'"127.0.0.1:{free}"') for address, free in ports.items()]
        source = edited_copy(folder, "traefik.yml", *edits)
        arguments = [traefik_binary(), f"--configFile={source}/traefik.yml"]
        check = [arguments[0], "healthcheck", arguments[1]]
        environment = {"AUTH_URL": "http://127.0.0.1:1", "EXPENSES_URL": "http://127.0.0.1:1"}
        assert subprocess.run(check, capture_output=True, check=False).returncode == 1
        process = subprocess.Popen(arguments, cwd=source, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: subprocess.run(check, capture_output=True, check=False).returncode == 0, what="healthy")
            assert httpx.get(f"http://127.0.0.1:{port}/ping").status_code == 404
        finally:
            process.terminate()
            assert process.wait(timeout=15) == 0


def test_no_telemetry_and_no_version_check(stack: Stack) -> None:
    log = stack.gateway.log()
    assert "Version check is disabled" in log
    assert "Stats collection is disabled" in log
