"""What an operator sees of the revocation list; read when Prometheus asks."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from expenses_service.revocations.service import RevocationReader


class RevocationMetrics(Collector):
    """The metrics of one reader."""

    def __init__(self, reader: RevocationReader) -> None:
        self._reader = reader

    def collect(self) -> Iterable[Metric]:
        """Age, presence and size of the list, and how polls ended."""
        held = self._reader.list
        yield GaugeMetricFamily(
            "revocation_list_age_seconds",
            "Since auth last confirmed the list; since the start while there is none.",
            value=self._reader.age(),
        )
        yield GaugeMetricFamily(
            "revocation_list_held", "1 when there is a list.", value=float(held is not None)
        )
        yield GaugeMetricFamily(
            "revocation_list_entries",
            "Sessions and users on the list.",
            value=len(held.sessions) + len(held.least_versions) if held else 0,
        )
        polls = CounterMetricFamily(
            "revocation_list_polls",
            "Polls by how they ended: new, same, or why the list held stayed unconfirmed.",
            labels=["outcome"],
        )
        for outcome, number in self._reader.polls.items():
            polls.add_metric([outcome], number)
        yield polls
