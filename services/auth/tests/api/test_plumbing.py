"""What every route promises: problem documents, request ids, health, the order of checks."""

import httpx


async def test_a_path_that_is_not_there_is_a_problem(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/api/v1/nothing?secret=1", headers={"X-Request-ID": "mine-1"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json() == {
        "type": "urn:expense-api:problem:not_found",
        "title": "Not found",
        "status": 404,
        "code": "not_found",
        "detail": "There is nothing here.",
        "instance": "/api/v1/nothing",
        "request_id": "mine-1",
        "errors": [],
    }


async def test_it_lives_and_is_ready(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/livez")).status_code == 200
    assert (await anonymous.get("/readyz")).status_code == 200
