"""Calls that many tests of expenses make."""

from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import func, select

from expenses_service.changes.models import change_log
from expenses_service.database import Database
from tests.tokens import user_id

ADA = user_id(1)
PATH = "/api/v1/expenses"
DRAFT = {"amount": "12.50", "currency": "EUR", "description": "Lunch"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


async def made(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    response = await client.post(PATH, json=DRAFT | fields)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def url(expense: dict[str, Any]) -> str:
    return f"{PATH}/{expense['id']}"


def problems(response: httpx.Response) -> list[tuple[str, str]]:
    assert response.headers["content-type"] == "application/problem+json"
    return [(each["code"], each["pointer"]) for each in response.json()["errors"]]


async def logged(database: Database, user: UUID = ADA) -> int:
    async with database.transaction() as connection:
        mine = select(func.count()).where(change_log.c.user_id == user)
        return int(await connection.scalar(mine) or 0)
