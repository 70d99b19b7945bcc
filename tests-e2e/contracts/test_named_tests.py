"""Documents that say what tests show: the tests are there, and no requirement or attack is left out."""

import ast
import re
from pathlib import Path

import pytest

from infra.local.bootstrap import ROOT

ASVS = ROOT / "services/auth/ASVS.md"
SECURITY = ROOT / "SECURITY.md"
ATTACKS = "tests-e2e/attacks"
TESTS = {
    "auth": "services/auth/tests",
    "expenses": "services/expenses/tests",
    "gateway": "gateway/tests",
    "e2e": "tests-e2e",
}
# Of ASVS 5.0.0, chapter and section: the level of each requirement in turn. Level 3 is not claimed.
LEVELS = {
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333",
    "6.6": "2223", "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "9.1": "111", "9.2": "1222",
}  # fmt: skip


def rows() -> list[tuple[str, str, str, str]]:
    """Of each requirement: number, level, state, and what shows it."""
    pattern = r"^\| (\d\.\d+\.\d+) \| (\d) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$"
    return re.findall(pattern, ASVS.read_text(), re.MULTILINE)


def attacks() -> list[tuple[str, str]]:
    """Of each attack: its name, and what shows that it fails."""
    table = SECURITY.read_text().partition("| attack |")[2].partition("\n\n")[0]
    return re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", table, re.MULTILINE)


def named(text: str) -> list[tuple[str, str]]:
    """File and name of each test in `text`."""
    found = re.findall(r"`(\w+):([\w/]+\.py)::(\w+)`", text)
    return [(f"{TESTS[folder]}/{path}", name) for folder, path, name in found]


def test_no_requirement_is_left_out() -> None:
    wanted = [
        (f"{section}.{number}", level)
        for section, levels in LEVELS.items()
        for number, level in enumerate(levels, 1)
        if level != "3"
    ]
    assert [(number, level) for number, level, _, _ in rows()] == wanted


def test_each_row_says_how_it_stands_and_what_shows_it() -> None:
    for number, _, state, shown in rows():
        assert state in {"met", "not yet", "not applicable"}, number
        assert state != "met" or named(shown), number


def test_each_attack_is_shown_to_fail_by_real_servers() -> None:
    assert len(attacks()) >= 45
    for attack, shown in attacks():
        assert any(path.startswith("tests-e2e/") for path, _ in named(shown)), attack


def test_no_test_of_an_attack_is_left_out() -> None:
    there = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / ATTACKS).glob("test_*.py")
        for name in functions(path)
        if name.startswith("test_")
    }
    assert len(there) > 50
    assert not there - set(named(SECURITY.read_text()))


def functions(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("document", [ASVS, SECURITY], ids=lambda path: path.name)
def test_every_test_that_is_named_exists(document: Path) -> None:
    pairs = named(document.read_text())
    assert len(pairs) == document.read_text().count("::")
    for path in {path for path, _ in pairs}:
        missing = {name for file, name in pairs if file == path} - functions(ROOT / path)
        assert not missing, path
