import pytest

from infra.local.failure import Failure
from load.budgets import MOST, Asked, missed, table

BUDGETS = {"read": 500.0, "write": 1500.0}


def row(name: str, *, requests: int = 60, failures: int = 0, p95: int = 100) -> dict[str, str]:
    return {
        "Name": name, "Request Count": str(requests), "Failure Count": str(failures),
        "50%": "10", "95%": str(p95),
    }  # fmt: skip


ARRIVED = row("write: sign in")
TOTAL = row("Aggregated", p95=9999)


def test_a_good_run_misses_nothing() -> None:
    assert missed([ARRIVED, row("read: list"), TOTAL], BUDGETS, people=60) == []


@pytest.mark.parametrize(("name", "p95"), [("read: list", 500), ("write: record", 1500)])
def test_the_edge_of_a_budget_is_kept_and_more_is_not(name: str, p95: int) -> None:
    assert missed([ARRIVED, row(name, p95=p95)], BUDGETS, people=60) == []
    said = missed([ARRIVED, row(name, p95=p95 + 10)], BUDGETS, people=60)
    assert said == [f"{name}: p95 {p95 + 10} ms, budget {p95} ms"]


def test_one_failure_is_too_many() -> None:
    said = missed([ARRIVED, row("read: list", failures=1)], BUDGETS, people=60)
    assert said == ["read: list: 1 of 60 failed"]


@pytest.mark.parametrize(("came", "enough"), [(54, True), (53, False)])
def test_as_many_people_come_as_were_asked_for(came: int, enough: bool) -> None:  # noqa: FBT001 - a table
    said = missed([row("write: sign in", requests=came)], BUDGETS, people=60)
    assert (said == []) is enough


def test_a_run_of_nothing_is_no_success() -> None:
    assert missed([TOTAL], BUDGETS, people=0) == ["nothing was measured"]


def test_every_call_has_a_line() -> None:
    lines = table([ARRIVED, TOTAL], BUDGETS).splitlines()
    assert len(lines) == 2
    assert lines[1].split() == ["write:", "sign", "in", "60", "0", "10", "100", "1500"]


def test_what_is_not_asked_for_has_a_default() -> None:
    asked = Asked.read({"RATE": "0.5", "READ_P95_MS": ""})
    assert (asked.rate, asked.seconds, asked.people, asked.budgets) == (0.5, 30, 15, BUDGETS)


@pytest.mark.parametrize("name", ["RATE", "DURATION", "READ_P95_MS", "WRITE_P95_MS"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", "inf", str(MOST + 1)])
def test_what_cannot_be_run_is_said(name: str, value: str) -> None:
    with pytest.raises(Failure, match=f"{name} must be a number above 0"):
        Asked.read({name: value})


def test_the_most_is_taken() -> None:
    assert Asked.read({"DURATION": str(MOST)}).seconds == MOST
