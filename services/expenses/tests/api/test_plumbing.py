"""What every route promises: problem documents, request ids, health, limits."""

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from expenses_service.errors import Unavailable
from tests.conftest import client_of


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


@pytest.mark.parametrize("path", ["a%20b", "caf%C3%A9", "a%0Ab", "~a;b", "x%25"])
async def test_a_problem_names_the_path_as_it_was_sent(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    answer = await anonymous.get(f"/api/v1/{path}?q=1")
    assert (answer.status_code, answer.json()["instance"]) == (404, f"/api/v1/{path}")


async def test_it_lives_and_is_ready(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/livez")).status_code == 200
    assert (await anonymous.get("/readyz")).status_code == 200


async def test_a_stopping_service_is_not_ready(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    app.state.stopping = True
    answer = await anonymous.get("/readyz")
    assert (answer.status_code, answer.json()["failing"]) == (503, ["stopping"])
    assert answer.headers["retry-after"]
    assert (await anonymous.get("/livez")).status_code == 200


async def test_what_fails_is_named(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    app.state.resources.probe._connect = _refuse  # noqa: SLF001 - breaks it for good
    answer = await anonymous.get("/readyz")
    assert (answer.status_code, answer.json()["failing"]) == (503, ["database"])


async def _refuse() -> None:
    raise ConnectionRefusedError


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "not_found"),
        (413, "body_too_large"),
        (500, "internal_error"),
        (502, "bad_gateway"),
        (503, "unavailable"),
        (504, "gateway_timeout"),
        (418, "internal_error"),
    ],
)
async def test_the_gateway_gets_its_documents(
    anonymous: httpx.AsyncClient, status: int, code: str
) -> None:
    url = "http://localhost:8080/api/v1/x/y?secret=1"
    answer = await anonymous.get(f"/internal/problems/{status}", params={"url": url})
    assert answer.json()["code"] == code
    assert answer.json()["instance"] == "/api/v1/x/y"
    assert answer.status_code == answer.json()["status"]
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_an_unexpected_error_tells_nothing(app: FastAPI) -> None:
    async def broken() -> None:
        raise RuntimeError("the secret of the message")

    app.add_api_route("/broken", broken)
    with capture_logs() as lines:
        async with client_of(app) as client:
            answer = await client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    said = answer.text + str(lines)
    assert [line["error"] for line in lines if line["event"] == "unexpected_error"] == [
        "RuntimeError"
    ]
    assert "the secret of the message" not in said


async def test_a_dependency_that_is_down_is_said_with_its_time(app: FastAPI) -> None:
    async def busy() -> None:
        raise Unavailable(retry_after=7)

    app.add_api_route("/busy", busy)
    async with client_of(app) as client:
        answer = await client.get("/busy")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert "retry_after" not in answer.json()


async def test_metrics_count_by_route(anonymous: httpx.AsyncClient) -> None:
    await anonymous.get("/api/v1/expenses/docs/absent")
    await anonymous.get("/no/such/path")
    text = (await anonymous.get("/metrics")).text
    assert 'route="/api/v1/expenses/docs/{name}",status="404"' in text
    assert 'route="unmatched",status="404"' in text
    assert "/no/such/path" not in text


async def test_documentation_comes_from_the_service_itself(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/api/v1/expenses/docs")
    assert "//" not in page.text.replace("<!doctype html>", "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert (await anonymous.get(f"/api/v1/expenses/docs/{name}")).status_code == 200
    assert (await anonymous.get("/api/v1/expenses/docs/other.js")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_docs_leads_to_the_pages(anonymous: httpx.AsyncClient, method: str) -> None:
    answer = await anonymous.request(method, "/docs")
    assert (answer.status_code, answer.headers["location"]) == (302, "/api/v1/expenses/docs")
    assert (await anonymous.get(answer.headers["location"])).status_code == 200


async def test_docs_takes_no_other_method(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post("/docs")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("openapi.json", "application/json"),
        ("docs", "text/html; charset=utf-8"),
        ("docs/start.js", "text/javascript; charset=utf-8"),
        ("docs/swagger-ui.css", "text/css; charset=utf-8"),
    ],
)
async def test_documentation_can_be_validated(
    anonymous: httpx.AsyncClient, path: str, kind: str
) -> None:
    url = f"/api/v1/expenses/{path}"
    first = await anonymous.get(url)
    assert (first.status_code, first.headers["content-type"]) == (200, kind)
    assert first.headers["cache-control"] == "public, max-age=3600"
    tag = first.headers["etag"]
    again = await anonymous.get(url, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await anonymous.get(url, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


async def test_the_specification_is_served_whole(
    app: FastAPI, anonymous: httpx.AsyncClient
) -> None:
    assert (await anonymous.get("/api/v1/expenses/openapi.json")).json() == app.openapi()


async def test_head_has_no_body(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.head("/livez")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("length", ["1048577", "x", "-1"])
async def test_a_body_that_says_it_is_too_large_is_refused(
    anonymous: httpx.AsyncClient, length: str
) -> None:
    headers = {"Content-Length": length, "Content-Type": "application/json"}
    answer = await anonymous.post("/api/v1/expenses", headers=headers)
    assert answer.status_code == 413
