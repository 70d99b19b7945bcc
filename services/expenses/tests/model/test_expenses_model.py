"""Any mixture of writes by several users and clients leaves just what a plain model says.

EXPENSES_MODEL_EXAMPLES is how many mixtures are tried, each of at most 24 steps. Without it they
are the same in every run, and the first that fails is told as it is; with it they are new ones
each time, and one that fails is made shorter, which takes minutes.
"""

import os
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from expenses_service.settings import Settings
from tests.model import calls, checks
from tests.model.player import Person, Seat
from tests.model.questions import SUMS
from tests.model.scenes import Scene, scenes
from tests.model.stage import Stage, set_up
from tests.model.versions import Version
from tests.model.writes import Bulk, Create, InCategories, Write, writes
from tests.tokens import SigningKey

ENOUGH = 12
ASKED = os.environ.get("EXPENSES_MODEL_EXAMPLES")
EXAMPLES = int(ASKED or ENOUGH)
STEPS = 24
CLIENTS = 2
ALL = 3
"""After so many writes all is looked at, between them what was touched."""
SEATS = st.integers(0, 2 * CLIENTS - 1)
FIRST = [
    Create({"amount": amount, "currency": "EUR", "description": "Night taxi", **more}, key=None)
    for amount, more in (
        ("1", {"category": "zoo", "tags": ["a", "b"]}),
        ("2.50", {"source": "bank", "external_id": "1", "spent_on": "2026-05-31"}),
        ("5", {"source": "card", "external_id": "2", "kind": "refund"}),
    )
]
WANTED = {
    *("created", "updated", "deleted", "restored", "erased", "replayed", "validation_error"),
    *("not_found", "version_conflict", "external_id_taken", "slug_taken"),
    *("POST/bulk", "POST/import", "POST/categories", "PATCH/categories", "DELETE/categories"),
}
"""What must come up, or the mixtures are too tame."""


class Expenses(RuleBasedStateMachine):
    """Two users with two clients each; every call goes to one of two instances."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.people = [stage.new_person(name) for name in ("ada", "bob")]
        self.seats = [Seat(person) for person in self.people for _ in range(CLIENTS)]
        self.steps = 0
        self.turn = 0
        self.agrees = False

    @initialize(turn=st.integers(0, len(SUMS) - 1))
    def begin(self, turn: int) -> None:
        """Somebody who has nothing is soon seen through."""
        self.turn = turn
        self.stage.forget()
        for seat in (0, CLIENTS):
            zoo = InCategories("add", "zoo", "Zoo", careful=False, key=None)
            for asked in (zoo, Bulk(FIRST, atomic=True, dry_run=False, key="first")):
                self.write(seat, asked, looks=True)

    @rule(seat=SEATS, asked=writes, looks=st.booleans())
    def write(self, seat: int, asked: Write, *, looks: bool) -> None:
        """By a client that knows what it was told, or `looks` first."""
        client = self.seats[seat]
        if looks:
            client.look()
        self.send(client, *asked.calls(client, self.people))

    @precondition(lambda self: self.steps % 4 == 0)
    @rule(seat=SEATS, scene=scenes)
    def play(self, seat: int, scene: Scene) -> None:
        for asked in scene:
            self.write(seat, asked, looks=True)

    @precondition(lambda self: self.steps % 6 == 0)
    @rule(seat=SEATS, form=st.sampled_from(["csv", "ndjson"]), other=SEATS)
    def copy(self, seat: int, form: str, other: int) -> None:
        """An export taken in again changes nothing; another user gets what he has not."""
        person, client = self.seats[seat].person, self.seats[other]
        lines, content = self.stage.run(checks.exported(self.stage.web, person, form))
        how = {"atomic": False, "dry_run": False, "make": True}
        seq = person.account.seq
        self.send(client, calls.import_file(lines, content, form=form, **how))
        assert client.person is not person or person.account.seq == seq

    @precondition(lambda self: self.steps % 15 == 0)
    @rule(seat=SEATS)
    def erase(self, seat: int) -> None:
        client = self.seats[seat]
        before = client.person.account.seq
        self.send(client, calls.erase())
        self.stage.run(checks.erased(self.stage.web, client.person, before))

    # --- each step, and what holds after it ------------------------------------------------------

    def send(self, client: Seat, *asked: calls.Call) -> None:
        self.agrees = False
        self.steps += 1
        made = self.stage.run(self.stage.player.write(client, *asked))
        self.check(client.person, made)
        self.agrees = True

    def check(self, writer: Person, made: Sequence[Version]) -> None:
        """What was written, and now and then all of it and that nobody else has it."""
        stage = self.stage
        stage.run(checks.touched(stage.web, writer, made))
        stage.run(stage.tables_agree())
        if self.steps % ALL == 0:
            self.turn += 1
            stage.run(checks.whole(stage.web, writer, self.turn))
            for person in self.people:
                if person is not writer:
                    stage.run(checks.whole_list(stage.web, person))

    def teardown(self) -> None:
        """All of everybody; nothing more is said of a mixture that has failed."""
        if self.agrees:
            for person in self.people:
                self.stage.run(checks.whole(self.stage.web, person, self.turn + 1))


@pytest.fixture
def stage(settings: Settings, urls: dict[str, str], signing_key: SigningKey) -> Iterator[Stage]:
    with set_up(settings, urls["owner"], signing_key) as stage:
        yield stage


def test_all_that_is_read_is_what_was_written(stage: Stage) -> None:
    class Staged(Expenses):
        def __init__(self) -> None:
            super().__init__(stage)

    run_state_machine_as_test(
        Staged,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=ASKED is None,
            print_blob=True,
            phases=[Phase.generate, *([Phase.shrink] if ASKED else [])],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    if EXAMPLES >= ENOUGH:
        assert stage.outcomes.keys() >= WANTED
