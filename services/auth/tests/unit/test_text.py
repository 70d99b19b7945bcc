"""What the specification says of text is what the service takes, character by character."""

import re
import sys

import pytest
from pydantic_core import PydanticCustomError

from auth_service.text import LINE_PATTERN, line

# All of the first plane but the halves, and every 257th of the others.
CODES = [*range(0xD800), *range(0xE000, 0x10000), *range(0x10000, sys.maxunicode + 1, 257)]
CHARACTERS = [chr(code) for code in CODES]


def takes(text: str) -> bool:
    try:
        return line(text) == text
    except PydanticCustomError:
        return False


@pytest.mark.parametrize("place", ["{}", "a{}", "{}a", "a{}a", " {} "])
def test_the_pattern_of_text_takes_what_the_service_takes(place: str) -> None:
    told = re.compile(LINE_PATTERN)
    texts = (place.replace("{}", character) for character in CHARACTERS)
    assert [text for text in texts if takes(text) is not bool(told.fullmatch(text))] == []


@pytest.mark.parametrize("half", ["\ud800", "a\udfff", "\udc00\ud800"])
def test_half_a_character_is_no_text(half: str) -> None:
    assert not takes(half)
