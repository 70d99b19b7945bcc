"""The counts of requests, against those of Prometheus's own library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram

from expenses_service.metrics import BUCKETS, UNMATCHED, Metrics

_REQUESTS = st.tuples(
    st.sampled_from(["GET", "POST", "BREW"]),
    st.sampled_from(["/api/v1/expenses", None]),
    st.sampled_from([200, 304, 503]),
    st.sampled_from([0.0, *BUCKETS, 10.0000001, 99.0]) | st.floats(0, 20),
)


def _samples(registry: CollectorRegistry) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = [sample for metric in registry.collect() for sample in metric.samples]
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for sample in found
        if sample.name.startswith("http_") and not sample.name.endswith("_created")
    }


@given(st.lists(_REQUESTS, max_size=60))
def test_they_are_what_the_library_counts(
    requests: list[tuple[str, str | None, int, float]],
) -> None:
    ours, theirs = Metrics(), CollectorRegistry()
    counter = Counter("http_requests", "-", ["method", "route", "status"], registry=theirs)
    histogram = Histogram(
        "http_request_duration_seconds", "-", ["method", "route"], registry=theirs, buckets=BUCKETS
    )
    for method, route, status, seconds in requests:
        ours.observe(method, route, status, seconds)
        known, template = "other" if method == "BREW" else method, route or UNMATCHED
        counter.labels(known, template, str(status)).inc()
        histogram.labels(known, template).observe(seconds)
    assert _samples(ours.registry) == pytest.approx(_samples(theirs))
