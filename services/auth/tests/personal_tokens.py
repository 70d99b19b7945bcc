"""Calls that tests of personal access tokens make."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import httpx
from fastapi import FastAPI

from tests.actors import AUTH, client_of

TOKENS = f"{AUTH}/tokens"
EXCHANGE = "/internal/v1/exchange"
FORM = {"name": "Report", "scopes": ["expenses:read", "profile:read"]}


async def create(client: httpx.AsyncClient, **changes: object) -> dict[str, Any]:
    answer = await client.post(TOKENS, json=FORM | changes)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def exchange(app: FastAPI, text: str, **headers: str) -> httpx.Response:
    async with client_of(app, Authorization=f"Bearer {text}", **headers) as gateway:
        return await gateway.get(EXCHANGE)


def access_of(answer: httpx.Response) -> str:
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.headers["authorization"].removeprefix("Bearer ")


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims
