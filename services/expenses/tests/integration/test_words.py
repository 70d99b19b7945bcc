"""The words that are indexed are those of the release that made the index."""

from collections.abc import AsyncIterator
from runpy import run_path
from typing import Final

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import postgres
from tests.tokens import user_id

ANY: Final = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT: Final = st.text(ANY, max_size=60)
PIECES: Final = [
    "Taxi", "M\u00dcLLER", "Stra\u00dfe", "\u0130stanbul", "\u03a3\u0391\u03a3", "\ufb01n",
    "\u00e9", "e\u0301", "\u2460", "\u5bff\u53f8", "x" * 70, "\u2167", "-", "'", "  ", "\n",
    "\u2028", "\u0345", "100%", "a_b", "\u0149", "\u0663", "\U0001f355", "\u01c5",
]  # fmt: skip
"""Letters that change in number with their case or form, digits that are none of ASCII, and what
separates words."""
WORDS: Final = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
FIELDS: Final = TEXT | WORDS | st.text("a\u00e9 -", max_size=200)
BOTH: Final = """
SELECT expense_words($1, $2, $3, $4) AS now, words_before($1, $2, $3, $4) AS before
"""


def before() -> str:
    """The function of `list_indexes`, under another name."""
    path = postgres.ROOT / "migrations/versions/2026-11-25_list_indexes.py"
    text: str = run_path(str(path))["EXPENSE_WORDS"]
    return text.replace("FUNCTION expense_words(", "FUNCTION words_before(", 1)


@pytest.fixture
async def owner(urls: dict[str, str]) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(urls["owner"])
    await connection.execute(before())
    yield connection
    await connection.execute("DROP FUNCTION words_before")
    await connection.close()


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(FIELDS, st.none() | FIELDS, st.none() | FIELDS)
async def test_any_text(
    owner: "asyncpg.Connection[asyncpg.Record]",
    description: str,
    merchant: str | None,
    notes: str | None,
) -> None:
    row = await owner.fetchrow(BOTH, user_id(7), description, merchant, notes)
    assert row is not None
    assert row["now"] == row["before"]


async def test_every_character(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Alone and amid letters; those of ASCII in a text of their own, which goes another way."""
    for begin, end in [(1, 128), *((n, n + 0x400) for n in range(128, 0x30000, 0x400))]:
        some = [chr(n) for n in range(begin, end) if not 0xD800 <= n < 0xE000]
        amid = " ".join(f"a{each}A" for each in some)
        row = await owner.fetchrow(BOTH, user_id(7), " ".join(some), amid, "".join(some[:60]))
        assert row is not None
        assert row["now"] == row["before"], hex(begin)


async def test_it_finds_words_at_all(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    row = await owner.fetchrow(BOTH, user_id(7), "Le Café, 2nd", None, "x" * 61)
    mark = str(user_id(7))[-8:]
    assert row is not None
    assert row["now"] == [f"{mark}{word}" for word in ("le", "cafe", "2nd", "x" * 60)]
