"""Every operation of both services, from the specifications that they serve: later ones are found too."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import httpx

from actors import AUTH, EXPENSES, new_client

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# In the places of a path; of the same length as what a test puts there instead.
ABSENT = {
    "expense_id": "01900000-0000-7000-8000-000000000000",
    "session_id": "01900000-0000-7000-8000-000000000000",
    "token_id": "01900000-0000-7000-8000-000000000000",
    "slug": "absent-category",
    "source": "bank",
    "external_id": "absent-tx-1",
}
# Parameters that a call cannot do without.
NEEDED = {"group_by": "category", "since": "0", "format": "ndjson", "confirm": "everything"}


@dataclass(frozen=True)
class Operation:
    """One method of one path; `spec` is its part of the specification."""

    method: str
    path: str
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def id(self) -> str:
        return str(self.spec["operationId"])

    @property
    def is_public(self) -> bool:
        """Also who is nobody may call it, signed in or not."""
        return {} in self.spec.get("security", [{}])

    @property
    def is_safe(self) -> bool:
        return self.method == "GET"

    @property
    def media_types(self) -> Mapping[str, Any]:
        """Of its body, each with its example; none when it takes no body."""
        content: Mapping[str, Any] = self.spec.get("requestBody", {}).get("content", {})
        return content

    @property
    def places(self) -> list[str]:
        """The parameters of its path."""
        return re.findall(r"\{(\w+)\}", self.path)

    def url(self, ids: Mapping[str, str] = ABSENT) -> str:
        unknown = set(self.places) - set(ids)
        assert not unknown, f"{self.name}: say in routes.py, and where ids are given, what {unknown} is"
        return self.path.format_map(ids)

    def send(
        self,
        client: httpx.Client,
        ids: Mapping[str, str] = ABSENT,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> httpx.Response:
        """The call with the body of its example, in which every id is that of the expense in `ids`."""
        names = [item["name"] for item in self.spec.get("parameters", ())
                 if item["in"] == "query" and item.get("required")]  # fmt: skip
        body, kind = self.body()
        return client.request(
            self.method,
            self.url(ids),
            params={name: NEEDED[name] for name in names},
            content=UUID.sub(ids["expense_id"], body).encode() or None,
            headers=({"Content-Type": kind} if body else {}) | dict(headers),
        )

    def body(self) -> tuple[str, str]:
        """The example of its first media type, as text, and that type."""
        for kind, media in self.media_types.items():
            assert "example" in media, f"{self.name}: {kind} has no example"
            example = media["example"]
            return example if isinstance(example, str) else json.dumps(example), kind
        return "", ""


def operations(base_url: str) -> list[Operation]:
    """All of both services, reading ones first and deleting ones last."""
    order = ("GET", "PUT", "PATCH", "POST", "DELETE")
    found = []
    for service in (AUTH, EXPENSES):
        document = new_client(base_url).get(f"{service}/openapi.json").json()
        found += [
            Operation(method.upper(), path, spec)
            for path, item in document["paths"].items()
            for method, spec in item.items()
        ]
    assert len(found) > 25
    return sorted(found, key=lambda operation: order.index(operation.method))


def state(client: httpx.Client, found: list[Operation], ids: Mapping[str, str] = ABSENT) -> dict[str, str]:
    """All that the caller can read."""
    answers = {
        operation.name: operation.send(client, ids, {"X-Request-ID": "state"})
        for operation in found
        if operation.is_safe
    }
    assert {answer.status_code for answer in answers.values()} <= {200, 404}
    return {name: answer.text for name, answer in answers.items()}
