"""How busy the connections to Postgres are; read when Prometheus asks."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.pool import Pool, QueuePool


class PoolMetrics(Collector):
    """The metrics of one pool, which never grows beyond its size."""

    def __init__(self, pool: Pool) -> None:
        if not isinstance(pool, QueuePool):
            raise TypeError("only a pool with a bound has figures")
        self._pool = pool

    def collect(self) -> Iterable[Metric]:
        """The bound, and the connections that work or wait for work."""
        yield GaugeMetricFamily(
            "database_pool_size",
            "Connections that there may be at most.",
            value=self._pool.size(),
        )
        connections = GaugeMetricFamily(
            "database_pool_connections", "Connections by state.", labels=["state"]
        )
        connections.add_metric(["in_use"], self._pool.checkedout())
        connections.add_metric(["idle"], self._pool.checkedin())
        yield connections
