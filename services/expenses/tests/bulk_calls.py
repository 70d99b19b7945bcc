"""Calls that tests of many writes at once make."""

from typing import Any

import httpx

from tests.expense_calls import DRAFT, PATH

BULK = f"{PATH}/bulk"


def create(**fields: object) -> dict[str, Any]:
    return {"op": "create", "expense": DRAFT | fields}


def update(
    expense: dict[str, Any], version: int | None = None, **changes: object
) -> dict[str, Any]:
    stated = {} if version is None else {"version": version}
    return {"op": "update", "id": expense["id"], "changes": changes} | stated


def delete(expense: dict[str, Any], version: int | None = None) -> dict[str, Any]:
    stated = {} if version is None else {"version": version}
    return {"op": "delete", "id": expense["id"]} | stated


async def bulk(
    client: httpx.AsyncClient, *operations: object, mode: str = "atomic", **more: object
) -> dict[str, Any]:
    body = {"mode": mode, "operations": operations} | more
    response = await client.post(BULK, json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    done = sum(answer[name] for name in ("created", "updated", "deleted", "failed"))
    assert done == len(answer["results"]) == len(operations)
    assert [each["index"] for each in answer["results"]] == list(range(len(operations)))
    return answer


def counts(answer: dict[str, Any]) -> tuple[int, int, int, int]:
    return answer["created"], answer["updated"], answer["deleted"], answer["failed"]


def statuses(answer: dict[str, Any]) -> list[int]:
    return [each["status"] for each in answer["results"]]


def blamed(response: httpx.Response) -> list[tuple[str, str]]:
    assert (response.status_code, response.json()["code"]) == (422, "validation_error")
    return [(each["pointer"], each["code"]) for each in response.json()["errors"]]
