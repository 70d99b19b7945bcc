import os
import re
import subprocess
from pathlib import Path

import pytest

from bench.catalogue import ROWS
from bench.options import Options
from infra.local.failure import Failure

KNOWN = ["P1", "P4", "P4h"]


def test_without_a_word_all_rows_are_measured_seven_times() -> None:
    options = Options.read({}, KNOWN)
    assert (options.rows, options.rounds, options.largest) == (KNOWN, 7, 1_000_000)
    assert options.sizes == [10_000, 100_000, 1_000_000]


def test_quick_is_fewer_rounds_and_smaller_tables() -> None:
    options = Options.read({"QUICK": "1"}, KNOWN)
    assert (options.rounds, options.largest) == (3, 100_000)
    assert Options.read({"QUICK": "1", "ROUNDS": "5", "GROWTH": "10M"}, KNOWN).sizes[-1] == 10_000_000


def test_rows_come_in_the_order_of_the_table_in_any_case() -> None:
    assert Options.read({"ROWS": "p4H, P1"}, KNOWN).rows == ["P1", "P4h"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ROWS", "P1,P99", "ROWS names P99; there are P1, P4, P4h"),
        ("QUICK", "yes", "QUICK must be 0 or 1"),
        ("ROUNDS", "0", "from 1 to 100"),
        ("ROUNDS", "101", "from 1 to 100"),
        ("ROUNDS", "many", "from 1 to 100"),
        ("GROWTH", "10k", "100k, 1M or 10M"),
        ("GROWTH", "11M", "100k, 1M or 10M"),
    ],
)
def test_what_cannot_be_measured_is_said(name: str, value: str, said: str) -> None:
    with pytest.raises(Failure, match=said):
        Options.read({name: value}, KNOWN)


def test_the_edges_of_a_number_are_taken() -> None:
    assert [Options.read({"ROUNDS": text}, KNOWN).rounds for text in ("1", "100")] == [1, 100]


def test_every_row_of_the_contract_is_there() -> None:
    assert {f"P{number}" for number in range(1, 13)} < set(ROWS)


def test_what_the_readme_says_can_be_run() -> None:
    """Its commands are targets, its rows are rows, and none is left out."""
    folder = Path(__file__).parents[2]
    readme, makefile = (folder / "README.md").read_text(), (folder / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", readme, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for rows in re.findall(r"ROWS=([\w,]+)", readme + makefile):
        assert Options.read({"ROWS": rows}, list(ROWS)).rows == rows.split(",")
    assert re.findall(r"^\| (P\d+h?|OVER|GW) \|", readme, re.MULTILINE) == list(ROWS)


@pytest.mark.parametrize(("target", "setting"), [("bench", "ROWS=P99"), ("soak", "MINUTES=0")])
def test_the_command_says_what_it_cannot_do_before_it_starts_anything(target: str, setting: str) -> None:
    folder = Path(__file__).parents[2]
    name, _, value = setting.partition("=")
    kept = {key: text for key, text in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-C", str(folder), target],
        env=kept | {name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"{target}: {name} " in done.stderr
