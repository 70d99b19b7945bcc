"""What the gateway lets through and the services must bear, and what nobody can reach beside it."""

import json
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from actors import AUTH, EXPENSES, Person, new_client
from infra.local import servers
from infra.local.parts import HOST
from infra.local.stack import Stack

JSON = {"Content-Type": "application/json"}
REDIS = {"auth": ("sessions", "redis_password"), "expenses": ("cache", "cache_password")}
OTHER = {"auth": "expenses", "expenses": "auth"}
MOST_BYTES = 16 * 1024  # of a refusal, however long what is refused
BOMBS = {
    "lists in lists": b"[" * 10_000 + b"]" * 10_000,
    "objects in objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "lists without an end": b"[" * 10_000,
    "a number without a double": b'{"amount": 1e400, "email": 1e400}',
    "a number without a decimal": b'{"amount": 1e9999999999999999999, "email": 1}',
    "a number of 100,000 digits": b'{"amount": ' + b"9" * 100_000 + b"}",
    "100,000 members": json.dumps({f"{n:x}": 0 for n in range(100_000)}, separators=(",", ":")).encode(),
    "one member 100,000 times": b'{"a":0' + b',"a":0' * 99_999 + b"}",
}


@pytest.mark.parametrize("path", [EXPENSES, f"{EXPENSES}/bulk", f"{AUTH}/register", f"{AUTH}/login"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_json_that_is_made_to_cost(ada: Person, path: str, bomb: str) -> None:
    answer = ada.client.post(path, content=BOMBS[bomb], headers=JSON)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < MOST_BYTES
    assert ada.client.get(f"{AUTH}/me").status_code == 200


def listening(pid: int) -> set[str]:
    """The addresses on which a process listens for TCP, as the kernel has them (proc_net(5))."""
    links = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            links.append(str(link.readlink()))
    sockets = {
        text.removeprefix("socket:[").removesuffix("]") for text in links if text.startswith("socket:[")
    }
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:  # LISTEN
                found.add(fields[1].partition(":")[0])
    return found


@pytest.mark.own_stack
@pytest.mark.parametrize("part", ["postgres", "sessions", "cache", "auth", "expenses", "gateway"])
def test_no_other_machine_reaches_a_part(stack: Stack, part: str) -> None:
    pid = int((stack.data / f"run/{part}.pid").read_text())
    assert listening(pid) == {socket.inet_aton(HOST)[::-1].hex().upper()}


def opens(stack: Stack, service: str, database: str) -> subprocess.CompletedProcess[str]:
    """A service's own role and password, tried on a database."""
    password = (stack.place.secrets / service / "database_password").read_text().strip()
    where = ["-h", HOST, "-p", str(stack.place.ports["postgres"]), "-U", f"{service}_app", "-d", database]
    command = [str(servers.postgres("psql")), "--no-psqlrc", "-At", *where, "-c", "SELECT 1"]
    return subprocess.run(
        command, env={"PGPASSWORD": password}, capture_output=True, text=True, timeout=20, check=False
    )


def admitted(stack: Stack, service: str, redis: str) -> bytes:
    """What a Redis says to a service's own user and password."""
    password = (stack.place.secrets / service / REDIS[service][1]).read_text().strip()
    with socket.create_connection((HOST, stack.place.ports[redis]), timeout=5) as connection:
        connection.sendall(f"AUTH {service} {password}\r\n".encode())
        return connection.recv(200)


@pytest.mark.own_stack
@pytest.mark.parametrize("service", ["auth", "expenses"])
def test_a_services_secrets_open_its_own_data_only(stack: Stack, service: str) -> None:
    assert opens(stack, service, service).stdout == "1\n"
    refused = opens(stack, service, OTHER[service])
    assert refused.returncode == 2
    assert "permission denied for database" in refused.stderr
    assert admitted(stack, service, REDIS[service][0]) == b"+OK\r\n"
    assert admitted(stack, service, REDIS[OTHER[service]][0]).startswith(b"-WRONGPASS")


@pytest.mark.parametrize(
    "path", ["/internal/v1/revocations", "/internal/problems/404", "/metrics", "/livez", "/readyz"]
)
def test_what_is_internal_is_not_there(base_url: str, ada: Person, path: str) -> None:
    for client in (new_client(base_url), ada.client):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
