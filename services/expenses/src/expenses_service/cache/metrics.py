"""How often replies come from the cache; read when Prometheus asks."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from expenses_service.cache.service import ReplyCache


class CacheMetrics(Collector):
    """The metrics of one cache."""

    def __init__(self, cache: ReplyCache) -> None:
        self._cache = cache

    def collect(self) -> Iterable[Metric]:
        """Where replies came from, and whether Redis is asked at all."""
        replies = CounterMetricFamily(
            "cache_replies",
            "Replies: the client's own (same), kept here (memory), kept here and changed since"
            " (carried), of Redis (hit), built (miss).",
            labels=["source"],
        )
        for source, number in self._cache.replies.items():
            replies.add_metric([source], number)
        yield replies
        usable = self._cache.usable
        if usable is not None:
            yield GaugeMetricFamily(
                "cache_usable",
                "1 while Redis answers; 0 while replies are built without it.",
                value=float(usable),
            )
