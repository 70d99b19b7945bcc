"""What /metrics tells about the signing keys, from memory."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from auth_service.keys.deadlines import seconds_to_rotation
from auth_service.keys.service import KeyStore


class KeyMetrics(Collector):
    """Judged when it is asked, so that an age is never an old one."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """How many keys are in each state; age and remaining time of the one that signs."""
        keys, now = self._store.held(), datetime.now(UTC)
        states = GaugeMetricFamily("auth_signing_keys", "Signing keys.", labels=["state"])
        counted = Counter(key.state for key in keys)
        for state in ("next", "current", "retired"):
            states.add_metric([state], counted[state])
        yield states
        for current in (key for key in keys if key.state == "current"):
            age = (now - current.activate_at).total_seconds()
            left = seconds_to_rotation(current, now, self._store.lifetime)
            yield GaugeMetricFamily(
                "auth_signing_key_age_seconds", "Since the current key began to sign.", age
            )
            yield GaugeMetricFamily(
                "auth_signing_key_rotation_seconds", "Until the current key is replaced.", left
            )
