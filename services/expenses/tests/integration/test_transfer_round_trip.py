"""What goes out as a file comes in again as it was, whatever is written in it."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from expenses_service.expenses.rules import new_id
from tests.bulk_calls import bulk, create
from tests.conftest import client_of
from tests.expense_calls import url
from tests.tokens import SigningKey, access_claims
from tests.transfers import CSV, EXPORT, IMPORT, NDJSON, Form, done, listed

OURS = ("id", "version", "created_at", "updated_at")
SPECIAL = "=+-@'\",;|\\{}[]:#\u2028\u2029\x85\u200b\ufeff\u202eäß🥨\U0010ffff 0a"
TYPES = {"csv": CSV, "ndjson": NDJSON}


def texts(longest: int, more: str = "") -> st.SearchStrategy[str]:
    """What a text may be: any Unicode but controls, surrogates and white space alone."""
    of = st.one_of(
        st.sampled_from(SPECIAL + more),
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]),
    )
    start = st.sampled_from(["", "", "=", "'", "'=", "+", "-", "@", '"', "''", *more])
    whole = st.builds("".join, st.tuples(start, st.text(of, max_size=8)))
    long = st.just("é" * longest)
    return st.one_of(whole, whole, long).filter(lambda text: bool(text.strip()))


def amounts(currency: str) -> st.SearchStrategy[dict[str, str]]:
    exponent = {"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4}[currency]

    def written(units: int) -> dict[str, str]:
        digits = str(units).rjust(exponent + 1, "0")
        point = f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits
        return {"amount": point, "currency": currency}

    return st.one_of(st.integers(1, 10**15 - 1), st.sampled_from([1, 10**15 - 1])).map(written)


money = st.sampled_from(["EUR", "JPY", "KWD", "CLF"]).flatmap(amounts)
tags = st.lists(texts(40).map(lambda text: text.replace(",", ";").lower()[:40]), max_size=4)
fields = st.fixed_dictionaries(
    {"description": texts(200)},
    optional={
        "kind": st.sampled_from(["expense", "refund"]),
        "spent_on": st.dates(date(1900, 1, 1), date(2999, 12, 31)).map(str),
        "merchant": texts(120),
        "category": st.sampled_from(["food", "other", "zoo"]),
        "tags": tags.map(lambda all_: [tag for tag in all_ if tag.strip()]),
        "payment_method": st.sampled_from(["cash", "bank_transfer"]),
        "notes": texts(2000, "\n\t"),
        "metadata": st.dictionaries(texts(40), st.one_of(st.just(""), texts(500)), max_size=3),
    },
)
drafts = st.lists(st.builds(lambda a, b: a | b, fields, money), min_size=1, max_size=6)
names = st.lists(st.none() | st.tuples(texts(40), texts(120)), min_size=6, max_size=6)


def named(rows: list[dict[str, Any]], given_names: list[Any]) -> list[dict[str, Any]]:
    """Some of them with a name of another system, none of it twice."""
    taken = set()
    for row, name in zip(rows, given_names, strict=False):
        if name is not None and name not in taken:
            taken.add(name)
            row |= dict(zip(("source", "external_id"), name, strict=True))
    return rows


def content(rows: list[dict[str, Any]]) -> list[str]:
    """All but what every account has of its own."""
    return sorted(str({k: v for k, v in row.items() if k not in OURS}) for row in rows)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=drafts, given_names=names)
@example(
    rows=[
        {
            "description": "\u2028=1",
            "notes": "\t\n'\r".replace("\r", ""),
            "amount": "1",
            "currency": "EUR",
        }
    ],
    given_names=[("'", "-1")],
)
async def test_an_export_is_the_account_again(
    app: FastAPI,
    signing_key: SigningKey,
    form: Form,
    rows: list[dict[str, Any]],
    given_names: list[Any],
) -> None:
    def user() -> httpx.AsyncClient:
        return client_of(app, signing_key.token(access_claims(new_id(datetime.now(UTC)))))

    async with user() as owner, user() as other:
        await owner.post("/api/v1/categories", json={"name": "Zoo"})
        answer = await bulk(owner, *(create(**row) for row in named(rows, given_names)))
        assert answer["created"] == len(rows), answer
        before = await listed(owner)
        file = (await owner.get(f"{EXPORT}?format={form}")).content

        async def load(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
            response = await client.post(f"{IMPORT}?{query}", content=file, headers=TYPES[form])
            assert response.status_code == 200, response.text
            result: dict[str, Any] = response.json()
            return result

        assert await load(owner) == done(unchanged=len(rows))
        assert await listed(owner) == before

        assert await load(other, "create_categories=true") == done(created=len(rows))
        assert content(await listed(other)) == content(before)
        assert not {row["id"] for row in await listed(other)} & {row["id"] for row in before}

        for row in before[::2]:
            await owner.patch(url(row), json={"amount": "3", "currency": "JPY", "notes": None})
        for row in before[::3]:
            await owner.delete(url(row))
        changed = {row["id"] for row in [*before[::2], *before[::3]]}
        assert await load(owner) == done(updated=len(changed), unchanged=len(before) - len(changed))
        after = await listed(owner)
        assert content(after) == content(before)
        assert [row["id"] for row in after] == [row["id"] for row in before]
