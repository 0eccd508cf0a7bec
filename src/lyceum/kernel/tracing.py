"""Traces, sent by OpenTelemetry's protocol where `LYCEUM_OTLP_ENDPOINT` says so; without it nothing of that is imported.

What goes on is carried from task to task, and into jobs, as the `traceparent` of its span (`telemetry.trace_parent`). Spans
bear the ids of the request or job, and never a value.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from lyceum.kernel.config import Settings
from lyceum.kernel.telemetry import log_context, trace_parent
from lyceum.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanContext, Tracer

EXPORT_EVERY_SECONDS = 2.0
EXPORT_SECONDS_MAX = 5.0
_SAMPLED = 1

Kind = Literal["server", "consumer", "client", "internal"]
Attributes = Mapping[str, str | int | float]


@dataclass(slots=True)
class OpenSpan:
    """Something under way; `trace_parent` names it to what follows from it, `failure` is the kind of what went wrong."""

    trace_parent: str
    span: "Span"
    failure: str | None = None

    def note(self, attributes: Attributes) -> None:
        """Add what has become known."""
        for name, value in attributes.items():
            self.span.set_attribute(name, value)

    def end(self, *, name: str | None = None) -> None:
        """End it, with the ids that stand in the log's lines just now."""
        from opentelemetry.trace import StatusCode

        if name is not None:
            self.span.update_name(name)
        for known, value in (log_context.get() or {}).items():
            self.span.set_attribute(f"lyceum.{known}", value if isinstance(value, int) else str(value))
        if self.failure is not None:
            self.span.set_attribute("error.type", self.failure)
            self.span.set_status(StatusCode.ERROR, self.failure)
        self.span.end()


_tracer: "Tracer | None" = None


def begin_span(name: str, *, kind: Kind, attributes: Attributes | None = None) -> OpenSpan | None:
    """Return a span below `telemetry.trace_parent`, which the caller sets to it; None where no traces are sent."""
    return None if _tracer is None else _begin(_tracer, name, kind, attributes, began_ns=None)


@contextmanager
def traced(name: str, *, kind: Kind = "internal", attributes: Attributes | None = None) -> Iterator[OpenSpan | None]:
    """Measure a block, and have what is begun in it belong to it; None comes back where no traces are sent."""
    span = begin_span(name, kind=kind, attributes=attributes)
    if span is None:
        yield None
        return
    token = trace_parent.set(span.trace_parent)
    try:
        yield span
    except BaseException as error:
        span.failure = type(error).__qualname__
        raise
    finally:
        span.end()
        trace_parent.reset(token)


def is_followed() -> bool:
    """Say whether what goes on here is a part of a trace that is sent."""
    parent = trace_parent.get() if _tracer is not None else None
    return parent is not None and bool(int(parent[-2:], 16) & _SAMPLED)


def record_span(name: str, *, seconds: float, kind: Kind, attributes: Attributes, failure: str | None = None) -> None:
    """Add what has just ended, and took so long, to what goes on here."""
    if _tracer is not None:
        began_ns = time.time_ns() - int(seconds * 1e9)
        span = _begin(_tracer, name, kind, attributes, began_ns=began_ns)
        span.failure = failure
        span.end()


def begin_tracing(settings: Settings, *, process: str) -> Callable[[], None] | None:
    """Send this process's traces from here on; return what sends the last and ends it, None when none are to be sent."""
    global _tracer  # noqa: PLW0603 as the process's log, spans are begun from wherever something happens
    if settings.otlp_endpoint is None:
        return None
    provider = _provider_of(settings, settings.otlp_endpoint, process=process)
    _tracer = provider.get_tracer("lyceum", VERSION)

    def end() -> None:
        global _tracer  # noqa: PLW0603 as above
        _tracer = None
        provider.shutdown()

    return end


def headers_of(text: str) -> dict[str, str]:
    """Return headers written as OpenTelemetry does, `name=value,name=value` with values percent-encoded."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}


def _begin(tracer: "Tracer", name: str, kind: Kind, attributes: Attributes | None, *, began_ns: int | None) -> OpenSpan:
    from opentelemetry import context, trace

    parent = trace_parent.get()
    place = trace.set_span_in_context(trace.NonRecordingSpan(_place_of(parent))) if parent else context.Context()
    span = tracer.start_span(name, place, trace.SpanKind[kind.upper()], attributes, start_time=began_ns)
    own = span.get_span_context()
    return OpenSpan(f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}", span)


def _place_of(parent: str) -> "SpanContext":
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace_id, span_id, flags = parent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _provider_of(settings: Settings, endpoint: str, *, process: str) -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    from lyceum.kernel.trace_export import TellingExporter

    # it logs each try by itself, and a collector that is away would fill the log
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    headers = headers_of(settings.otlp_headers.get_secret_value()) if settings.otlp_headers else {}
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.trace_sample_ratio)),
        resource=Resource.create({"service.name": f"lyceum-{process}", "service.version": VERSION}),
        shutdown_on_exit=False,
    )
    exporter = TellingExporter(f"{endpoint}/v1/traces", headers=headers, timeout=EXPORT_SECONDS_MAX)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=EXPORT_EVERY_SECONDS * 1000))
    return provider
