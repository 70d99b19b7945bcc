"""What an operator sees of the keys that tokens are verified with; read when Prometheus asks."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from expenses_service.keys.service import KeyRing


class KeyMetrics(Collector):
    """The metrics of one ring."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def collect(self) -> Iterable[Metric]:
        """Age and size of the set held."""
        yield GaugeMetricFamily(
            "key_set_age_seconds",
            "Since the source last confirmed the keys; since the start while there are none.",
            value=self._ring.age(),
        )
        yield GaugeMetricFamily("key_set_keys", "Keys that are held.", value=self._ring.size())
