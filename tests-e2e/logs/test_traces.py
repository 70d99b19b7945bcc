"""One trace from the gateway through a service to Postgres and Redis, on a stack that has a collector."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from actors import AUTH, EXPENSES, PASSWORD, Person, eventually
from infra.local import bootstrap
from infra.local.stack import Stack
from otlp import Collector, Span, collecting

pytestmark = pytest.mark.own_stack
CLIENT = "00f067aa0ba902b7"
PRIVATE = "xylograph"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(collector: Collector) -> Iterator[Stack]:
    bootstrap.install(bootstrap.RUN, develop=False)
    data = Path(tempfile.mkdtemp(prefix="e2e-traces-"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        try:
            with Stack(data, port=0) as stack:
                yield stack
        finally:
            shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def ada(traced: Stack) -> Person:
    return Person.signed_in(traced.base_url)


def call(person: Person, kind: str, headers: dict[str, str]) -> httpx.Response:
    """A request of this kind that asks Postgres, and Redis where there is one to ask."""
    client = person.client
    if kind == "sign-in":
        form = {"email": person.email, "password": PASSWORD}
        return client.post(f"{AUTH}/login", json=form, headers=headers)
    if kind == "search":
        return client.get(f"{EXPENSES}?q={PRIVATE}", headers=headers)
    if kind == "list":
        return client.get(f"{EXPENSES}?limit=7", headers=headers)
    rows = f"amount,currency,description\n1.00,EUR,{PRIVATE}\n"
    csv = headers | {"Content-Type": "text/csv"}
    return client.post(f"{EXPENSES}/import", content=rows.encode(), headers=csv)


CALLS = {
    "sign-in": ("auth", {"SELECT", "PIPELINE"}),
    "search": ("expenses", {"BEGIN", "SELECT", "COMMIT", "GET"}),
    "list": ("expenses", {"SELECT", "GET"}),
    "import": ("expenses", {"BEGIN", "COPY", "COMMIT"}),
}


@pytest.mark.parametrize("kind", CALLS)
def test_each_span_leads_back_to_the_gateway_and_the_client(
    ada: Person, collector: Collector, kind: str
) -> None:
    service, names = CALLS[kind]
    trace = f"{list(CALLS).index(kind) + 1:032x}"
    answer = call(ada, kind, {"traceparent": f"00-{trace}-{CLIENT}-01"})
    assert answer.status_code == 200, answer.text
    eventually(lambda: names <= {span.name for span in collector.spans(trace)})
    eventually(lambda: all_led_back(collector.spans(trace)))  # what is above comes later, in another batch
    spans = {span.id: span for span in collector.spans(trace)}
    for span in spans.values():
        if span.service != "gateway":
            way = [each.service for each in back(span, spans)]
            assert way == sorted(way, key=[service, "gateway"].index), way
            assert {*way} == {service, "gateway"}
    assert not collector.tells(PRIVATE.encode())
    assert not collector.tells(ada.email.encode())


def all_led_back(spans: list[Span]) -> bool:
    """Whether each span has come that another one is below, and the first, which is below the client's."""
    return {span.parent for span in spans} - {span.id for span in spans} == {CLIENT}


def back(span: Span, spans: dict[str, Span]) -> Iterator[Span]:
    """The span and those above it, up to the one that the client named."""
    yield span
    while span.parent != CLIENT:
        span = spans[span.parent]
        yield span
