"""How many passwords are being checked; read when Prometheus asks."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from auth_service.accounts.passwords import PasswordPool


class PasswordMetrics(Collector):
    """The metrics of one pool."""

    def __init__(self, pool: PasswordPool) -> None:
        self._pool = pool

    def collect(self) -> Iterable[Metric]:
        """Zero means that whoever has a place already gets no other: `busy`."""
        yield GaugeMetricFamily(
            "password_turns_free",
            "Places at work and in line that nobody has.",
            value=self._pool.room,
        )
