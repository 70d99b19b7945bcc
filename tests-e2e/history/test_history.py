"""Clients who work at the same time are told one history, in which nothing is lost, twice or too old."""

from collections.abc import Callable

import pytest

from actors import Person
from history.check import violations
from history.run import REPORTS, answers, lived

SEED = 1
CALLS = 600
MOST_SECONDS = 60.0  # on a machine that has no time; alone it takes a tenth
USERS = 3


@pytest.mark.own_stack  # in a database that never was restored, so that changes are numbered from one
def test_all_that_clients_are_told_is_one_history(base_url: str, person: Callable[..., Person]) -> None:
    file = REPORTS / "history.jsonl"
    people = [person() for _ in range(USERS)]
    history = lived(base_url, people, file, seconds=MOST_SECONDS, calls=CALLS, seed=SEED)
    found = violations(history)
    assert not found, "\n".join([f"python -m history.check {file}", *map(str, found)])
    told = answers(history)
    print(dict(told))
    wanted = ("200", "201", "204", "304", "silent", "replayed", "not_found", "version_conflict")
    assert not [each for each in wanted if not told[each]], told
