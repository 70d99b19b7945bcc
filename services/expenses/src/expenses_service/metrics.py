"""Prometheus metrics, by route template so that their number is bounded."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate
from operator import add
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Metric,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
UNMATCHED: Final = "unmatched"
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BOUNDS: Final = (*map(str, BUCKETS), "+Inf")

router = APIRouter(include_in_schema=False)

LINES_LOST = Counter(
    "log_lines_lost", "Lines of the log that standard output did not take.", registry=None
)
"""Of the process, as standard output is."""


class Served:
    """How many requests of one kind were answered, and how long they took."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        """By bucket, not yet added up; the last is of those that took longer than any says."""
        self.seconds = 0.0

    def add(self, other: "Served") -> None:
        """Those of another kind."""
        self.counts = list(map(add, self.counts, other.counts))
        self.seconds += other.seconds


class Metrics(Collector):
    """The metrics of one application, in a registry of its own.

    Requests are counted here and told when Prometheus asks: a counter and a histogram of its
    library, each under a lock and the histogram bucket by bucket, take five times as long.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(LINES_LOST)
        self._served: dict[tuple[str, str | None, int], Served] = defaultdict(Served)
        self.registry.register(self)

    def observe(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count one request; `route` is None when nothing matched."""
        served = self._served[method if method in METHODS else "other", route, status]
        served.counts[bisect_left(BUCKETS, seconds)] += 1  # a bucket has its bound too
        served.seconds += seconds

    def collect(self) -> Iterable[Metric]:
        """What was counted so far."""
        requests = CounterMetricFamily(
            "http_requests", "Requests answered.", labels=("method", "route", "status")
        )
        durations = HistogramMetricFamily(
            "http_request_duration_seconds",
            "Time from the first byte of a request to the end of its answer.",
            labels=("method", "route"),
        )
        of_route: dict[tuple[str, str], Served] = defaultdict(Served)
        for (method, route, status), served in self._served.items():
            kind = method, route or UNMATCHED
            requests.add_metric((*kind, str(status)), sum(served.counts))
            of_route[kind].add(served)
        for kind, served in of_route.items():
            buckets = zip(_BOUNDS, map(float, accumulate(served.counts)), strict=True)
            durations.add_metric(kind, list(buckets), served.seconds)
        yield requests
        yield durations


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The Prometheus text format; not routed by the gateway."""
    registry: CollectorRegistry = request.app.state.metrics.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
