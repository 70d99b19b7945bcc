"""A whole run: people, their clients, and what they can read in the end."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx

from actors import Person
from history.clients import User, all_at_work
from history.ends import Reader
from history.record import History, Record

CLIENTS = 4
"""Of each person."""
REPORTS = Path(__file__).parents[1] / "reports"


def lived(
    base_url: str, people: Sequence[Person], file: Path, *, seconds: float, calls: int, seed: int
) -> History:
    """The history of people who work at the same time, which is in `file` too.

    It ends after so long, or after so many calls of all.
    """
    users = [User(f"user {number}", person.cookie("ea_access")) for number, person in enumerate(people, 1)]
    file.parent.mkdir(exist_ok=True)
    with Record(file) as record:
        asyncio.run(_lived(base_url, users, record, seconds=seconds, calls=calls, seed=seed))
        return record.history


async def _lived(
    base_url: str, users: Sequence[User], record: Record, *, seconds: float, calls: int, seed: int
) -> None:
    await all_at_work(base_url, users, record, seconds=seconds, calls=calls, seed=seed, clients=CLIENTS)
    async with httpx.AsyncClient(base_url=base_url, timeout=20, trust_env=False) as http:
        for user in users:
            record.close_with(await Reader(http, user).final())


def answers(history: History) -> Counter[str]:
    """How often clients were answered what; `silent` stands for no answer and for 5xx."""
    told: Counter[str] = Counter()
    for call in history.calls:
        told["silent" if call.silent else call.code or str(call.status)] += 1
        told["replayed"] += call.replayed
    return told
