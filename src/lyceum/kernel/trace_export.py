"""Traces on their way to the collector; imported only where there is one."""

import logging
import time
from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

WARN_EVERY_SECONDS = 60.0

log = logging.getLogger(__name__)


class TellingExporter(OTLPSpanExporter):
    """OpenTelemetry's own, that says at most once a minute what it could not deliver."""

    def __init__(self, endpoint: str, *, headers: Mapping[str, str], timeout: float) -> None:
        super().__init__(endpoint, headers=dict(headers), timeout=timeout, compression=Compression.Gzip)
        self._lost = 0
        self._said_at = -WARN_EVERY_SECONDS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver spans, in the thread of the processor; what cannot be delivered in time is given up."""
        result = super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost += len(spans)
            now = time.monotonic()
            if now - self._said_at >= WARN_EVERY_SECONDS:
                log.warning("traces cannot be delivered; the hub goes on without", extra={"spans_lost": self._lost})
                self._said_at, self._lost = now, 0
        return result
