"""Whether the collector takes spans: while it does not, none is made for it.

After a batch that could not be sent no span is begun for a minute; those that are begun then tell
whether it is back. The log names traces all the same.
"""

import time
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

PAUSE_SECONDS: Final = 60.0


class Watched(SpanExporter):
    """Sends by `exporter`, and knows when it last could not."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._until = 0.0

    @property
    def is_away(self) -> bool:
        """Whether the collector did not take what it was last sent, less than a minute ago."""
        return time.monotonic() < self._until

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Called by one thread, a batch at a time."""
        result = self._exporter.export(spans)
        taken = result is SpanExportResult.SUCCESS
        self._until = 0.0 if taken else time.monotonic() + PAUSE_SECONDS
        return result

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()


class WhileTaken(Sampler):
    """As `sampler` has it, and nothing while the collector is away."""

    def __init__(self, sampler: Sampler, exporter: Watched) -> None:
        self._sampler = sampler
        self._exporter = exporter

    def should_sample(  # noqa: PLR0913, PLR0917 - the SDK's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Of one span that is begun."""
        if self._exporter.is_away:
            return SamplingResult(Decision.DROP)
        return self._sampler.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """Of the whole."""
        return f"WhileTaken({self._sampler.get_description()})"
