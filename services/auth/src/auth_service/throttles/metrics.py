"""How often the limits refuse; read when Prometheus asks."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from auth_service.throttles.service import Throttle

POLICIES = ("account", "address", "device", "personal-tokens", "registration")


class ThrottleMetrics(Collector):
    """The metrics of one throttle."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def collect(self) -> Iterable[Metric]:
        """Refusals by policy."""
        refusals = CounterMetricFamily(
            "throttle_refusals", "Attempts refused by a limit.", labels=["policy"]
        )
        for policy in POLICIES:
            refusals.add_metric([policy], self._throttle.refusals[policy])
        yield refusals
