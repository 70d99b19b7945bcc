"""What pages of other sites can have a signed-in browser do: nothing, on any route of either service."""

import httpx
import pytest

from actors import EXPENSES, LUNCH, Person, new_client, problem
from routes import ABSENT, Operation, operations, state

EVIL = "https://evil.example"
FOREIGN = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a sister site": {"Sec-Fetch-Site": "same-site"},
    "a site that no browser tells": {"Sec-Fetch-Site": "Same-Origin"},
    "another site with the own origin": {"Sec-Fetch-Site": "cross-site", "Origin": "OWN"},
    "an opaque origin": {"Origin": "null"},
    "another origin": {"Origin": EVIL},
    "an empty origin": {"Origin": ""},
    "a longer host": {"Origin": "OWN.evil.example"},
    "a longer port": {"Origin": "OWN0"},
    "a path": {"Origin": "OWN/"},
    "a user": {"Origin": "http://localhost@evil.example"},
    "no port": {"Origin": "http://localhost"},
    "another scheme": {"Origin": "https://OWN-HOST"},
    "another name of the host": {"Origin": "http://127.0.0.1:OWN-PORT"},
    "a dot after the host": {"Origin": "http://localhost.:OWN-PORT"},
    "capitals": {"Origin": "HTTP://LOCALHOST:OWN-PORT"},
    "two origins": {"Origin": f"OWN {EVIL}"},
}
OWN = [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "OWN"}, {}]
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
FORMS = {
    "text/plain": b'{"amount": "1.00", "currency": "EUR", "description": "x="}',
    "application/x-www-form-urlencoded": b"amount=1.00&currency=EUR&description=x",
    "multipart/form-data; boundary=x": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
}

# What is sent as JSON in other words; the empty one is no type at all.
OTHER_TYPES = ["", "json", "text/json", "application/jsonp", "application/json-patch+json",
               "text/plain; application/json"]  # fmt: skip


@pytest.fixture(scope="module")
def found(base_url: str) -> list[Operation]:
    return operations(base_url)


@pytest.fixture(scope="module")
def writing(found: list[Operation]) -> list[Operation]:
    return [operation for operation in found if not operation.is_safe]


def spelled(base_url: str, headers: dict[str, str]) -> dict[str, str]:
    """With the own origin, or parts of it, where they are named."""
    own = httpx.URL(base_url)
    parts = {"OWN-PORT": str(own.port), "OWN-HOST": own.netloc.decode(), "OWN": base_url}
    for name, value in parts.items():
        headers = {field: text.replace(name, value) for field, text in headers.items()}
    return headers


def permissions(answer: httpx.Response) -> list[str]:
    """The headers that would let a page of another site send or read more."""
    return [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("site", FOREIGN)
def test_no_route_can_be_written_from(
    base_url: str, ada: Person, found: list[Operation], site: str, subtests: pytest.Subtests
) -> None:
    ids = ABSENT | {"expense_id": ada.record()["id"]}
    headers, before = spelled(base_url, FOREIGN[site]), state(ada.client, found, ids)
    for operation in found:
        with subtests.test(operation.name):
            answer = operation.send(ada.client, ids, headers)
            assert not permissions(answer)
            if not operation.is_safe:
                problem(answer, 403, "cross_site_request")
                assert "set-cookie" not in answer.headers
    assert state(ada.client, found, ids) == before


@pytest.mark.parametrize("site", FOREIGN)
def test_nobody_is_signed_in_or_out_from(
    base_url: str, writing: list[Operation], site: str, subtests: pytest.Subtests
) -> None:
    """SameSite keeps cookies back there; the answer would set or clear them all the same."""
    nobody, headers = new_client(base_url), spelled(base_url, FOREIGN[site])
    for operation in writing:
        if operation.is_public:
            with subtests.test(operation.name):
                answer = operation.send(nobody, headers=headers)
                problem(answer, 403, "cross_site_request")
                assert "set-cookie" not in answer.headers


def test_a_bearer_token_is_no_browsers_doing(ada: Person) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": EVIL}):
        assert ada.script().post(EXPENSES, json=LUNCH, headers=headers).status_code == 201
    assert len(ada.list()) == 2


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_the_own_page_and_what_is_no_browser_get_further(
    base_url: str, ada: Person, writing: list[Operation], headers: dict[str, str], subtests: pytest.Subtests
) -> None:
    """To the next check, so that it is the site alone that is refused above."""
    for operation in writing:
        with subtests.test(operation.name):
            sent = spelled(base_url, headers)
            url, body = f"{operation.url()}?unknown=1", b"x" if operation.media_types else None
            answer = ada.client.request(operation.method, url, headers=sent, content=body)
            if operation.media_types:
                problem(answer, 415, "unsupported_media_type")
            else:
                problem(answer, 422, "validation_error")


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_of_another_site(
    ada: Person, writing: list[Operation], kind: str, subtests: pytest.Subtests
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": EVIL}
    for operation in writing:
        with subtests.test(operation.name):
            problem(of_type(operation, ada.client, kind, **headers), 403, "cross_site_request")


def of_type(operation: Operation, client: httpx.Client, kind: str, **headers: str) -> httpx.Response:
    """The call with a body as a form of that kind sends it, or with JSON."""
    content = FORMS.get(kind) or operation.body()[0].encode()
    headers |= {"Content-Type": kind} if kind else {}
    return client.request(operation.method, operation.url(), content=content, headers=headers)


@pytest.mark.parametrize("kind", [*FORMS, *OTHER_TYPES])
def test_json_has_to_be_declared_as_json(
    ada: Person, writing: list[Operation], kind: str, subtests: pytest.Subtests
) -> None:
    for operation in writing:
        if operation.media_types:
            with subtests.test(operation.name):
                answer = of_type(operation, ada.client, kind, **SAME_ORIGIN)
                problem(answer, 415, "unsupported_media_type")
                assert any(type_ in answer.json()["detail"] for type_ in operation.media_types)
    assert ada.list() == []


def test_a_get_never_writes(ada: Person, found: list[Operation], subtests: pytest.Subtests) -> None:
    """On a route that only writes it is 405, also when the query says what to do."""
    methods: dict[str, set[str]] = {}
    for operation in found:
        methods.setdefault(operation.url(), set()).add(operation.method)
    before = state(ada.client, found)
    for path in (path for path in methods if "GET" not in methods[path]):
        with subtests.test(path):
            for method, query in (("GET", ""), ("HEAD", ""), ("GET", "?_method=POST&amount=1.00")):
                override = {"X-HTTP-Method-Override": "POST"}
                answer = ada.client.request(method, f"{path}{query}", headers=override)
                assert answer.status_code == 405
                assert set(answer.headers["allow"].split(", ")) == methods[path]
    assert state(ada.client, found) == before


def test_a_foreign_preflight_gets_no_permission(
    ada: Person, found: list[Operation], subtests: pytest.Subtests
) -> None:
    for operation in found:
        with subtests.test(operation.name):
            for origin in (EVIL, "null"):
                wanted = {"Access-Control-Request-Method": operation.method}
                wanted |= {"Access-Control-Request-Headers": "content-type", "Origin": origin}
                answer = ada.client.options(operation.url(), headers=wanted)
                problem(answer, 405, "method_not_allowed")
                assert not permissions(answer)
