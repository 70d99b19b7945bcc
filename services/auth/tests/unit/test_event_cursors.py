from string import ascii_letters, digits
from uuid import UUID

import pytest

from auth_service.events.cursors import Cursors
from auth_service.events.errors import InvalidCursor

ADA, BOB, LAST = (UUID(int=(0x0190 << 112) | number) for number in (1, 2, 3))
CURSORS = Cursors(bytes(range(32)))
TEXT = CURSORS.seal(ADA, LAST)
ALPHABET = ascii_letters + digits + "-_"


def test_opens_for_its_user() -> None:
    assert CURSORS.unseal(ADA, TEXT) == LAST
    assert len(TEXT) == 43


def test_opens_for_nobody_else_and_under_no_other_secret() -> None:
    for cursors, user in ((CURSORS, BOB), (Cursors(bytes(32)), ADA)):
        with pytest.raises(InvalidCursor):
            cursors.unseal(user, TEXT)


@pytest.mark.parametrize("place", range(len(TEXT)))
def test_no_character_can_be_another(place: int) -> None:
    for character in ALPHABET.replace(TEXT[place], ""):
        with pytest.raises(InvalidCursor):
            CURSORS.unseal(ADA, TEXT[:place] + character + TEXT[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "=", "A", "ä", "\ud800", TEXT[:-1], TEXT + "=", TEXT + "A", f" {TEXT}", "A" * 43]
)
def test_nothing_else_is_a_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor):
        CURSORS.unseal(ADA, text)
