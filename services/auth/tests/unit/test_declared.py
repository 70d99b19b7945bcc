"""The check that runs beside every API test fails where it should."""

import httpx
import pytest

from tests.declared import check

ID = "01900000-0000-7000-8000-000000000000"
DOCUMENT = {
    "paths": {
        "/things": {
            "get": {
                "responses": {
                    "200": {
                        "content": {"application/json": {}},
                        "headers": {
                            "ETag": {"$ref": "#/components/headers/ETag"},
                            "Link": {"schema": {"type": "string"}},
                        },
                    },
                    "404": {"$ref": "#/components/responses/Error404"},
                }
            }
        },
        "/things/{thing_id}": {"delete": {"responses": {"204": {"description": "Deleted."}}}},
        "/things/fixed": {"get": {"responses": {"304": {"description": "The same."}}}},
    },
    "components": {
        "headers": {"ETag": {"required": True, "schema": {"type": "string"}}},
        "responses": {"Error404": {"content": {"application/problem+json": {}}}},
    },
}


def judge(method: str, path: str, status: int, **headers: str) -> None:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx.Request(method, f"http://localhost{path}")
    check(DOCUMENT, request, httpx.Response(status, headers=names))


def test_what_is_declared_passes() -> None:
    judge("GET", "/things", 200, content_type="application/json; charset=utf-8", etag='"1"')
    judge("HEAD", "/things", 200, content_type="application/json", etag='"1"', link="<x>")
    judge("GET", "/things", 404, content_type="application/problem+json", content_length="2")
    judge("DELETE", f"/things/{ID}", 204)
    judge("GET", "/things/fixed", 304)
    judge("PUT", "/things", 405, allow="GET")
    judge("GET", "/elsewhere", 418, x_anything="1")
    judge("GET", "/things/no-id", 404)


@pytest.mark.parametrize(
    ("status", "headers", "blamed"),
    [
        (500, {"content_type": "application/json", "etag": '"1"'}, "500 is not declared"),
        (200, {"content_type": "text/html", "etag": '"1"'}, "text/html"),
        (200, {"etag": '"1"'}, "no type"),
        (200, {"content_type": "application/json"}, "promises ['etag']"),
        (200, {"content_type": "application/json", "etag": '"1"', "x_new": "1"}, "x-new"),
        (404, {"content_type": "application/problem+json", "vary": "Cookie"}, "vary"),
    ],
)
def test_what_is_not_declared_fails(status: int, headers: dict[str, str], blamed: str) -> None:
    with pytest.raises(AssertionError) as failure:
        judge("GET", "/things", status, **headers)
    assert blamed in str(failure.value)


def test_a_body_where_none_is_declared_fails() -> None:
    with pytest.raises(AssertionError, match="application/json"):
        judge("DELETE", f"/things/{ID}", 204, content_type="application/json")


def test_a_method_that_is_not_declared_is_405_and_nothing_else() -> None:
    with pytest.raises(AssertionError, match="PUT /things: 200"):
        judge("PUT", "/things", 200, content_type="application/json", etag='"1"')
