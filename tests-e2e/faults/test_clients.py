"""Clients that hang up, and clients that are slow: others are served, and nothing of them stays behind."""

import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from actors import EXPENSES, LUNCH, Person, new_client, problem
from faults.breakage import query
from faults.crowd import HEAL_SECONDS, in_time, is_refusal
from faults.stack import WiredStack, names, say
from faults.trouble import reset

pytestmark = [pytest.mark.own_stack, pytest.mark.faults]
TIMES = 1000
AT_ONCE = 20
SLOW = 500
GROWTH_MIB = 24  # of one process, over 1,000 requests that nobody waits for
SERVICES = (*names("auth"), *names("expenses"))


def memory(stack: WiredStack) -> dict[str, float]:
    """MiB that each replica has of its own."""
    found = {}
    for name in SERVICES:
        pid = (stack.data / f"run/{name}.pid").read_text().strip()
        status = Path(f"/proc/{pid}/status").read_text()
        found[name] = int(status.partition("RssAnon:")[2].split()[0]) / 1024
    return found


def in_use(stack: WiredStack) -> dict[str, float]:
    """Connections to Postgres that each replica's pool has given away."""
    line, found = 'database_pool_connections{state="in_use"} ', {}
    for name in SERVICES:
        text = new_client(stack.url(name)).get("/metrics").text
        found[name] = float(text.partition(line)[2].split()[0])
    return found


def is_idle(stack: WiredStack) -> bool:
    """No transaction and no lock of a key is left, and no connection is on loan."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE '%\\_app' AND state <> 'idle'"
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    return query(stack, busy) == query(stack, locks) == "0" and not any(in_use(stack).values())


def becomes_idle(stack: WiredStack) -> None:
    deadline = time.monotonic() + HEAL_SECONDS
    while not is_idle(stack):
        assert time.monotonic() < deadline, in_use(stack)
        time.sleep(0.1)


def request(person: Person, key: str, body: bytes, *, declared: int | None = None) -> bytes:
    """A creation as it goes over the wire."""
    head = {
        "Host": "localhost",
        "Cookie": f"ea_access={person.cookie('ea_access')}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body) if declared is None else declared),
        "Idempotency-Key": key,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"POST {EXPENSES} HTTP/1.1\r\n{lines}\r\n".encode() + body


def body_of(key: str) -> dict[str, str]:
    return LUNCH | {"source": "hasty", "external_id": key}


def hangs_up(url: str, person: Person, key: str, after: float | None) -> None:
    """Sends all of it and goes after so many seconds; None: in the middle of the body."""
    body, address = httpx.Request("POST", url, json=body_of(key)).content, httpx.URL(url)
    end = socket.create_connection((address.host, address.port or 80))
    if after is None:
        end.sendall(request(person, key, body[: len(body) // 2], declared=len(body)))
    else:
        end.sendall(request(person, key, body))
        time.sleep(after)
    reset(end)


@pytest.mark.parametrize("way", ["gateway", "service"])
def test_a_thousand_hang_up_and_nothing_of_them_stays(wires: WiredStack, dora: Person, way: str) -> None:
    """In the middle of the body, at once after it, or while it is worked on: then each is asked again."""
    urls = [wires.base_url] if way == "gateway" else [wires.url(name) for name in names("expenses")]
    keys = [secrets.token_hex(8) for _ in range(TIMES)]
    moments = (0.0, 0.002, 0.005, None)
    before = memory(wires)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        gone = [
            threads.submit(hangs_up, urls[number % len(urls)], dora, key, moments[number % len(moments)])
            for number, key in enumerate(keys)
        ]
        for each in gone:
            each.result()
    becomes_idle(wires)
    growth = {name: most - before[name] for name, most in memory(wires).items()}
    again = keys[::7]
    happened = sum(happens_once(dora, key) for key in again)
    grown = max(growth.values())
    say(f"of {len(again)} asked again {happened} had happened; no process grew more than {grown:.1f} MiB")
    assert grown < GROWTH_MIB, growth
    found = external_ids(dora)
    assert len(found) == len(set(found))
    assert set(again) <= set(found) <= set(keys)
    becomes_idle(wires)


def happens_once(person: Person, key: str) -> bool:
    """Whether it had happened already; now it has. Who hung up may still be on the way or at work."""
    headers, gives_up = {"Idempotency-Key": key}, time.monotonic() + HEAL_SECONDS
    while True:
        answer = in_time(lambda: person.client.post(EXPENSES, json=body_of(key), headers=headers))
        if answer.status_code == 409:
            problem(answer, 409, "idempotency_in_progress")
        elif not is_refusal(answer):
            break
        assert time.monotonic() < gives_up
        time.sleep(0.05)
    assert answer.status_code == 201, answer.text
    return "idempotency-replayed" in answer.headers


def external_ids(person: Person) -> list[str]:
    """Of all expenses, page by page."""
    found: list[str] = []
    query = {"limit": "200"}
    while query:
        page = person.client.get(EXPENSES, params=query).json()
        found += [item["external_id"] for item in page["items"]]
        query = {"limit": "200", "cursor": page["next_cursor"]} if page["next_cursor"] else {}
    return found


@contextmanager
def slowly(stack: WiredStack, begin: bytes, drop: bytes) -> Iterator[None]:
    """500 clients of another address, each of which sends `begin` and then a drop each second."""
    over, port = Event(), httpx.URL(stack.base_url).port or 80
    another = ("127.0.0.2", 0)
    with ExitStack() as opened:
        ends = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port), source_address=another))
            for _ in range(SLOW)
        ]

        def drip() -> None:
            for end in ends:
                end.sendall(begin)
            while not over.wait(1):
                for end in ends:
                    end.sendall(drop)

        thread = Thread(target=drip)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize("what", ["headers", "bodies"])
def test_five_hundred_slow_clients_hold_up_nobody(wires: WiredStack, dora: Person, what: str) -> None:
    head = f"POST {EXPENSES} HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".encode()
    begin = head if what == "headers" else request(dora, "slow", b"{", declared=1000)
    query = {"limit": "1", "include": "total"}
    kept = 0
    with slowly(wires, begin, b"x" if what == "headers" else b" "):
        over = time.monotonic() + 5
        while time.monotonic() < over:
            assert in_time(lambda: dora.client.post(EXPENSES, json=LUNCH)).status_code == 201
            kept += 1
            assert in_time(lambda: dora.client.get(EXPENSES, params=query)).json()["total"] == kept
        assert not any(in_use(wires).values())
    say(f"{SLOW} clients with slow {what}: {kept} writes of another")
    becomes_idle(wires)
