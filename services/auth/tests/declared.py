"""Every answer that a test gets is one that the specification declares.

The clients of the tests send through `DeclaredTransport`, so that the whole suite shows it.
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import FastAPI

# Of the server itself, and what describes the body (RFC 9110, section 8.3 and 8.6).
OF_ALL_HTTP = frozenset({"content-length", "content-type", "date", "transfer-encoding"})


class DeclaredTransport(httpx.AsyncBaseTransport):
    """Answers of `app`; AssertionError for one that its specification does not know."""

    def __init__(self, app: FastAPI, client: tuple[str, int] = ("127.0.0.1", 123)) -> None:
        self._inner = httpx.ASGITransport(app=app, client=client)
        self._document = app.openapi()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        check(self._document, request, response)
        return response


def check(document: Mapping[str, Any], request: httpx.Request, response: httpx.Response) -> None:
    """Status, media type and headers; a path that is not in the document is none of its routes."""
    operations = operations_of(document, request.url.path)
    if operations is None:
        return
    method = "get" if request.method == "HEAD" else request.method.lower()
    name = f"{request.method} {request.url.path}"
    if method not in operations:
        assert response.status_code == 405, f"{name}: {response.status_code}"
        return
    answers = operations[method]["responses"]
    status = str(response.status_code)
    assert status in answers, f"{name}: {status} is not declared"
    answer = resolved(document, answers[status])
    media = response.headers.get("content-type", "").partition(";")[0]
    declared = {kind.partition(";")[0] for kind in answer.get("content", {})}
    assert media in (declared or {""}), f"{name}: {status} of {media or 'no type'} is not declared"
    headers = {key.lower(): resolved(document, it) for key, it in answer.get("headers", {}).items()}
    unknown = set(response.headers) - headers.keys() - OF_ALL_HTTP
    assert not unknown, f"{name}: {status} does not declare {sorted(unknown)}"
    absent = {key for key, it in headers.items() if it.get("required")} - set(response.headers)
    assert not absent, f"{name}: {status} promises {sorted(absent)}"


def operations_of(document: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    """Those of the path; a fixed path comes before one with places."""
    found = [
        operations
        for template, operations in sorted(document["paths"].items(), key=lambda it: "{" in it[0])
        if re.fullmatch(_pattern(template), path)
    ]
    return found[0] if found else None


def _pattern(template: str) -> str:
    """A place holds an id."""
    return re.sub(r"\\\{\w+\\\}", "[0-9a-f-]{36}", re.escape(template))


def resolved(document: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference stands for, or the part itself."""
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part
