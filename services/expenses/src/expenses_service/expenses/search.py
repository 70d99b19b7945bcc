"""Text search on core Postgres: words marked as their owner's, in one index over all users."""

from uuid import UUID

from sqlalchemy import ColumnElement, cast, func, literal, null, select, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text, Uuid

from expenses_service.expenses.models import WORDS, expenses

# Where the places of what is found do not fit, Postgres keeps their pages alone and cuts every row
# on them into words again, tens of µs each. This is room for a table of 8 GB.
_WORK_MEMORY = "64MB"


def has_words(user_id: UUID, words: str) -> ColumnElement[bool]:
    """The user's, with all of `words`, the last one as the beginning of a word.

    The database cuts the text into runs of letters and digits, just as it did with the expenses, so
    nothing in it is an operator. Without any such run there is nothing to find.

    `IS TRUE` leaves the index of words as the only way to the rows: 1 to 3 µs for each that is
    found. Postgres knows how common a word is among all users, so it would rather go through the
    rows of this one: 13 s for a word in 75 of 400,000.
    """
    marked = func.expense_words(cast(user_id, Uuid), cast(words, Text), null(), null())
    quoted = literal("'") + func.array_to_string(marked, "' & '") + literal("':*")
    own = (expenses.c.user_id == user_id).is_(true())
    return own & WORDS.bool_op("@@")(cast(quoted, TSQUERY))


async def make_room(connection: AsyncConnection) -> None:
    """For a search in this transaction; to start other processes takes longer than most take."""
    await connection.execute(
        select(
            func.set_config("work_mem", _WORK_MEMORY, true()),
            func.set_config("max_parallel_workers_per_gather", "0", true()),
        )
    )
