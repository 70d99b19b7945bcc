"""People who work while something breaks, and who notice what was lost, done twice or stale.

Each has an account of their own and does one thing after the other: writes an expense under a key, asks again
until it is acknowledged, and at once reads the list, which has to hold all that was acknowledged so far,
each once. Whatever replica answers, an answer is complete, comes in time, and is a promise or a refusal for
the time being.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from threading import Event

import httpx

from actors import AUTH, EXPENSES, LUNCH, PASSWORD, Person, new_client, problem
from faults.stack import PATIENCE, WiredStack, say

ANSWER_SECONDS = 5.0 * PATIENCE
HEAL_SECONDS = 5.0 * PATIENCE
PATIENT_SECONDS = 40.0 * PATIENCE  # longer than any fault and its healing
REFUSALS = {502: "bad_gateway", 503: "unavailable", 504: "gateway_timeout"}
IN_A_ROW = 12  # answers that must be good before something counts as healed: all replicas have had several


def in_time(call: Callable[[], httpx.Response]) -> httpx.Response:
    """The complete answer, within five seconds."""
    began = time.monotonic()
    answer = call()
    took = time.monotonic() - began
    assert took < ANSWER_SECONDS, f"{took:.1f} s: {answer.request.method} {answer.url} {answer.status_code}"
    return answer


def is_refusal(answer: httpx.Response) -> bool:
    """Whether it says, as it has to, that it cannot be done now; AssertionError for any other error."""
    if answer.status_code < 400:
        return False
    assert answer.status_code in REFUSALS, f"{answer.url} {answer.status_code} {answer.text}"
    problem(answer, answer.status_code, REFUSALS[answer.status_code])
    assert "set-cookie" not in answer.headers
    if answer.status_code == 503:
        assert int(answer.headers["retry-after"]) > 0
    return True


def heals(*calls: Callable[[], httpx.Response], seconds: float = HEAL_SECONDS) -> float:
    """How long it took until all was answered again, many times in a row; nobody may have helped."""
    began, good, last = time.monotonic(), 0, "nothing"
    while good < IN_A_ROW:
        since = time.monotonic() - began
        for call in calls:
            answer = in_time(call)
            if is_refusal(answer):
                good, last = 0, f"{answer.request.method} {answer.url.path} {answer.status_code}"
                assert since < seconds, f"not healed after {since:.1f} s: {last}"
                time.sleep(0.1)
        good += 1
        if good == 1:
            healed = time.monotonic() - began
    return healed


class Writer:
    """One of the crowd."""

    def __init__(self, base_url: str) -> None:
        self.person = Person.signed_in(base_url)
        self.acknowledged: list[str] = []
        self.refused: list[tuple[float, str]] = []
        self.slowest = 0.0
        self.good = 0.0
        self.replayed = 0

    def ask(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        began = time.monotonic()
        answer = in_time(call)
        self.slowest = max(self.slowest, time.monotonic() - began)
        if answer.status_code != 409 and is_refusal(answer):
            self.refused.append((began, f"{answer.request.method} {answer.status_code}"))
        else:
            self.good = began
        return answer

    def write(self) -> None:
        """Until it is acknowledged; the key makes sure that it happens once."""
        name = secrets.token_hex(8)
        body = LUNCH | {"amount": "1.00", "source": "crowd", "external_id": name}
        headers, gives_up = {"Idempotency-Key": name}, time.monotonic() + PATIENT_SECONDS
        while True:
            assert time.monotonic() < gives_up, (
                f"not acknowledged in {PATIENT_SECONDS:.0f} s: {self.refused[-3:]}"
            )
            answer = self.ask(lambda: self.person.client.post(EXPENSES, json=body, headers=headers))
            if answer.status_code == 201:
                break
            if answer.status_code == 409:
                problem(answer, 409, "idempotency_in_progress")
            time.sleep(0.1)
        assert answer.json()["external_id"] == name
        self.replayed += answer.headers.get("idempotency-replayed") == "true"
        self.acknowledged.append(name)

    def read(self) -> None:
        """The list has as many as were acknowledged by now."""
        query = {"limit": "1", "include": "total"}
        answer = self.ask(lambda: self.person.client.get(EXPENSES, params=query))
        if answer.status_code == 200:
            assert answer.json()["total"] == len(self.acknowledged), "lost, done twice, or stale"

    def work(self, over: Event, most: int) -> None:
        while not over.is_set() and len(self.acknowledged) < most:
            self.write()
            self.read()

    def finds_all(self) -> None:
        """Every acknowledged write exactly once, in the list and in the sums; the sequence has no gap."""
        found, query = [], {"limit": "200"}
        while query:
            page = in_time(partial(self.person.client.get, EXPENSES, params=query)).json()
            found += [item["external_id"] for item in page["items"]]
            query = {"limit": "200", "cursor": page["next_cursor"]} if page["next_cursor"] else {}
        assert sorted(found) == sorted(self.acknowledged)
        totals = self.person.client.get(f"{EXPENSES}/summary?group_by=category").json()["totals"]
        assert sum(Decimal(total["total"]) for total in totals) == len(found)
        changes = self.person.client.get("/api/v1/changes?limit=1000").json()["items"]
        assert [change["seq"] for change in changes] == list(range(1, len(found) + 1))


class Crowd:
    """Some writers at work."""

    def __init__(self, writers: Sequence[Writer], done: Sequence[Future[None]], over: Event) -> None:
        self.writers = writers
        self._done = done
        self._over = over

    @property
    def writes(self) -> int:
        return sum(len(writer.acknowledged) for writer in self.writers)

    def reaches(self, writes: int) -> None:
        """Wait for so many acknowledged writes; whatever went wrong in the crowd is raised."""
        while self.writes < writes:
            self._look()
            time.sleep(0.02)

    def works_for(self, seconds: float) -> None:
        """Raises what went wrong in the crowd meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._look()
            time.sleep(0.05)

    def finishes(self) -> None:
        """Each writer has as many as it was to have."""
        for done in self._done:
            done.result()

    def _look(self) -> None:
        for done in self._done:
            if done.done():
                done.result()

    def heals(self, what: str) -> None:
        """From five seconds on after this moment everybody is served again, without anybody's help."""
        ended = time.monotonic()
        refused = 0.0
        while min(writer.good for writer in self.writers) < max(refused, ended) + 0.5:
            self.works_for(0.1)
            refused = self._last_refusal()
            assert refused < ended + HEAL_SECONDS, f"{what}: refused {refused - ended:.1f} s after its end"
        number = sum(len(writer.refused) for writer in self.writers)
        slowest = max(writer.slowest for writer in self.writers)
        healed = max(0.0, refused - ended)
        say(
            f"{what}: {self.writes} writes, {number} refusals, slowest {slowest:.1f} s, healed {healed:.1f} s"
        )

    def _last_refusal(self) -> float:
        return max((moment for writer in self.writers for moment, _ in writer.refused), default=0.0)


@contextmanager
def crowd(stack: WiredStack, size: int = 4, *, most: int = 1_000_000) -> Iterator[Crowd]:
    """Works as long as the block lasts; afterwards all that was acknowledged has to be found."""
    writers, over = [Writer(stack.base_url) for _ in range(size)], Event()
    with ThreadPoolExecutor(size) as threads:
        done = [threads.submit(writer.work, over, most) for writer in writers]
        try:
            people = Crowd(writers, done, over)
            people.reaches(2 * size)
            yield people
        finally:
            over.set()
        people.finishes()
    for writer in writers:
        writer.finds_all()


def signs_in(stack: WiredStack) -> Callable[[], httpx.Response]:
    """A call that signs somebody in anew, each time as a new device.

    Nobody else's account: the 51st session of a user ends the first, and here there may be more.
    """
    form = {"email": Person.register(stack.base_url).email, "password": PASSWORD}
    return lambda: new_client(stack.base_url).post(f"{AUTH}/login", json=form)
