"""Prometheus metrics, by route template so that their number is bounded."""

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

router = APIRouter(include_in_schema=False)

LINES_LOST = Counter(
    "log_lines_lost", "Lines of the log that standard output did not take.", registry=None
)
"""Of the process, as standard output is."""


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(LINES_LOST)
        labels = ("method", "route", "status")
        self._requests = Counter(
            "http_requests", "Requests answered.", labels, registry=self.registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the first byte of a request to the end of its answer.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._bound: dict[tuple[str, str | None, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count one request; `route` is None when nothing matched."""
        known = method if method in METHODS else "other"
        bound = self._bound.get((known, route, status))
        if bound is None:  # to look labels up takes as long as to count
            template = route or "unmatched"
            counter = self._requests.labels(known, template, str(status))
            bound = counter, self._seconds.labels(known, template)
            self._bound[known, route, status] = bound
        counter, histogram = bound
        counter.inc()
        histogram.observe(seconds)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The Prometheus text format; not routed by the gateway."""
    registry: CollectorRegistry = request.app.state.metrics.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
