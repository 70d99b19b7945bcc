"""Every answer that somebody gets is one that the specifications declare: status, media type, headers, body.

The clients of `actors.new_client` look, so that all the journeys, attacks and faults show it by the way.
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from specification.schemas import resolved

WHOLE = "urn:specification"
SPECIFICATIONS = ("/api/v1/auth/openapi.json", "/api/v1/expenses/openapi.json")
# Of HTTP itself, and what describes the body.
OF_ALL_HTTP = frozenset(
    {"connection", "content-length", "content-type", "date", "transfer-encoding", "keep-alive"}
)
JSON = re.compile(r"application/(problem\+)?json")


class Specification:
    """One service's document and the answers that it allows."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._registry = Registry[Any]().with_resource(WHOLE, DRAFT202012.create_resource(document))
        fixed_first = sorted(document["paths"], key=lambda path: "{" in path)
        self._paths = [(re.compile(_pattern(path)), path) for path in fixed_first]
        self._validators: dict[str, Draft202012Validator] = {}

    def operations(self, path: str) -> Mapping[str, Any] | None:
        for pattern, template in self._paths:
            if pattern.fullmatch(path):
                found: Mapping[str, Any] = self.document["paths"][template]
                return found
        return None

    def blame(self, response: httpx.Response, operations: Mapping[str, Any]) -> str | None:
        """What is not as declared, or None."""
        method = response.request.method.lower()
        operation = operations.get("get" if method == "head" else method)
        status = str(response.status_code)
        if operation is None:
            return None if status in {"400", "405"} else "the method is not declared"
        if status not in operation["responses"]:
            return "the status is not declared"
        answer = resolved(self.document, operation["responses"][status])
        return self._headers(response, answer) or self._body(response, answer)

    def _headers(self, response: httpx.Response, answer: Mapping[str, Any]) -> str | None:
        declared = {name.lower(): resolved(self.document, it) for name, it in answer["headers"].items()}
        if unknown := set(response.headers) - declared.keys() - OF_ALL_HTTP:
            return f"{sorted(unknown)} is not declared"
        required = {name for name, it in declared.items() if it.get("required")}
        if absent := required - set(response.headers):
            return f"{sorted(absent)} is promised"
        return None

    def _body(self, response: httpx.Response, answer: Mapping[str, Any]) -> str | None:
        length = response.headers.get("content-length")
        if length == "0" or response.request.method == "HEAD" or response.status_code in {204, 304}:
            return None
        media = response.headers.get("content-type", "text/plain").partition(";")[0]
        content = answer.get("content", {})
        if media not in content:
            return f"{media} is not declared"
        if length is None or not JSON.fullmatch(media):
            return None  # a stream is read by who asked for it
        response.read()
        schema = content[media]["schema"]
        if "$ref" in schema:
            schema = {"$ref": WHOLE + schema["$ref"]}
        name = repr(schema)
        if name not in self._validators:
            self._validators[name] = Draft202012Validator(schema, registry=self._registry)
        error = next(self._validators[name].iter_errors(response.json()), None)
        return error and f"{error.json_path}: {error.message}"


def _pattern(template: str) -> str:
    """A place holds an id or a name; the last one of `by-external` holds all the rest."""
    text = re.escape(template).replace(r"\{external_id\}", ".+")
    text = re.sub(r"\\\{\w+_id\\\}", "[0-9a-f-]{36}", text)
    return re.sub(r"\\\{\w+\\\}", "[^/]+", text)


_watched: dict[tuple[str, str, int | None], tuple[Specification, ...]] = {}


def watch(base_url: str) -> None:
    """From now on look at what the stack at `base_url` answers, by the specifications that it serves."""
    with httpx.Client(base_url=base_url, timeout=20) as client:
        documents = [client.get(path).raise_for_status().json() for path in SPECIFICATIONS]
    _watched[_origin(httpx.URL(base_url))] = tuple(map(Specification, documents))


def check(response: httpx.Response) -> None:
    """AssertionError for an answer that is not declared; a path of no operation may answer anything."""
    request = response.request
    for specification in _watched.get(_origin(request.url), ()):
        operations = specification.operations(request.url.path)
        if operations is not None:
            blame = specification.blame(response, operations)
            assert blame is None, f"{request.method} {request.url}: {response.status_code}: {blame}"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
