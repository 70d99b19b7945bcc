from base64 import urlsafe_b64encode
from string import ascii_letters, digits
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from expenses_service.expenses.cursors import Position, seal, unseal
from expenses_service.expenses.errors import InvalidCursor

SECRET = bytes(range(32))
SCOPE = "01900000000070008000000000000001?kind=expense&sort=-spent_on"
ALPHABET = ascii_letters + digits + "-_"
KEYS = st.integers(-(2**63), 2**63 - 1)


@given(KEYS, st.uuids(), st.text())
def test_a_cursor_opens_under_its_own_scope(key: int, identifier: UUID, scope: str) -> None:
    position = Position(key, identifier)
    text = seal(SECRET, scope, position)
    assert unseal(SECRET, scope, text) == position
    assert len(text) == 55


@given(st.integers(0, 54), st.sampled_from(ALPHABET))
def test_a_changed_character_is_refused(place: int, character: str) -> None:
    text = seal(SECRET, SCOPE, Position(739_000, UUID(int=7)))
    forged = text[:place] + character + text[place + 1 :]
    assume(forged != text)
    with pytest.raises(InvalidCursor):
        unseal(SECRET, SCOPE, forged)


@pytest.mark.parametrize("last", ALPHABET)
def test_of_all_last_characters_one_is_right(last: str) -> None:
    text = seal(SECRET, SCOPE, Position(739_000, UUID(int=7)))
    forged = text[:-1] + last
    if forged != text:  # base64 has bits to spare there
        with pytest.raises(InvalidCursor):
            unseal(SECRET, SCOPE, forged)


@pytest.mark.parametrize("more", ["=", "==", "===", "!", " ", "\n", "A"])
def test_nothing_may_follow(more: str) -> None:
    text = seal(SECRET, SCOPE, Position(739_000, UUID(int=7)))
    with pytest.raises(InvalidCursor):
        unseal(SECRET, SCOPE, text + more)


@given(st.text(max_size=120))
def test_nothing_else_is_a_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor):
        unseal(SECRET, SCOPE, text)


def test_another_secret_or_scope_is_refused() -> None:
    text = seal(SECRET, SCOPE, Position(1, uuid4()))
    for secret, scope in ((bytes(32), SCOPE), (SECRET, SCOPE + "&to=2026-01-01"), (SECRET, "")):
        with pytest.raises(InvalidCursor):
            unseal(secret, scope, text)


def test_the_right_length_alone_is_not_enough() -> None:
    with pytest.raises(InvalidCursor):
        unseal(SECRET, SCOPE, urlsafe_b64encode(bytes(41)).decode().rstrip("="))
