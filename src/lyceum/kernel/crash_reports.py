"""Crashes told to Sentry where `LYCEUM_SENTRY_DSN` says so; without it nothing of that is imported.

Whatever the hub logs as an error with its traceback is a crash: of a request, a job, a prediction. Told are its kind, the
places in the code, and the ids of the request or job. Its text, the values of variables, bodies and headers stay here: they
may hold secrets or somebody's data.
"""

import logging
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from lyceum.kernel.config import Settings
from lyceum.kernel.stopping import LAST_REPORTS_SECONDS_MAX
from lyceum.kernel.telemetry import log_context, trace_parent
from lyceum.version import VERSION

if TYPE_CHECKING:
    from sentry_sdk import Client
    from sentry_sdk.types import Event

WARN_EVERY_SECONDS = 60.0
_OTHERS = ("sentry_sdk", "urllib3", "opentelemetry")
_PLACE = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)

log = logging.getLogger(__name__)


def begin_crash_reports(settings: Settings, *, process: str) -> Callable[[], None] | None:
    """Tell of this process's crashes from here on; return what tells the last and ends it, None when nobody is told."""
    if settings.sentry_dsn is None:
        return None
    client = _client_of(settings.sentry_dsn.get_secret_value())
    handler = _ToSentry(client, process)
    logging.getLogger().addHandler(handler)

    def end() -> None:
        logging.getLogger().removeHandler(handler)
        client.close(timeout=LAST_REPORTS_SECONDS_MAX)

    return end


class _ToSentry(logging.Handler):
    """Tells of what is logged as an error with its traceback, or with the one of a process of its own (`trace`)."""

    def __init__(self, client: "Client", process: str) -> None:
        super().__init__(logging.ERROR)
        self._client = client
        self._process = process

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_OTHERS):
            return
        try:
            event = _event_of(record, self._client.options)
            if event is not None:
                self._client.capture_event(cast("Event", event | _whereabouts(self._process)))
        except Exception:  # noqa: BLE001 whoever logs is never told that nobody else heard of it
            self.handleError(record)


def _event_of(record: logging.LogRecord, options: dict[str, Any]) -> dict[str, Any] | None:
    trace: str | None = getattr(record, "trace", None)
    if record.exc_info and record.exc_info[1] is not None:
        from sentry_sdk.utils import event_from_exception

        event: dict[str, Any] = dict(event_from_exception(record.exc_info, client_options=options)[0])
    elif trace is not None:
        event = {"exception": {"values": [_told_elsewhere(trace)]}}
    else:
        return None
    # as it stands in the code, without what was put into it
    return event | {"level": "error", "logger": record.name, "logentry": {"message": str(record.msg)}}


def _told_elsewhere(trace: str) -> dict[str, Any]:
    """Return what a traceback in words says, all but the words of the error itself."""
    frames = [
        {
            "filename": found["file"],
            "abs_path": found["file"],
            "lineno": int(found["line"]),
            "function": found["function"],
        }
        for found in _PLACE.finditer(trace)
    ]
    after = trace[max((found.end() for found in _PLACE.finditer(trace)), default=0) :]
    named = re.search(r"^([A-Za-z_][\w.]*)(?::|$)", after, re.MULTILINE)
    return {"type": named[1] if named else "Error", "stacktrace": {"frames": frames}}


def _whereabouts(process: str) -> dict[str, Any]:
    known = dict(log_context.get() or {})
    user_id, parent = known.pop("user_id", None), trace_parent.get()
    found: dict[str, Any] = {"tags": {"process": process} | {name: str(value) for name, value in known.items()}}
    if user_id is not None:
        found["user"] = {"id": str(user_id)}
    if parent is not None:
        _, trace_id, span_id, _ = parent.split("-")
        found["contexts"] = {"trace": {"trace_id": trace_id, "span_id": span_id}}
    return found


def _scrubbed(event: Any, _hint: Any) -> Any:
    """Return what may leave the hub: no text of an error, no variables, whatever the library adds by itself."""
    for unwanted in ("request", "extra", "breadcrumbs", "modules"):
        event.pop(unwanted, None)
    for error in event.get("exception", {}).get("values", []):
        error.pop("value", None)
        error.pop("notes", None)
        if "mechanism" in error:
            error["mechanism"].pop("data", None)
        for frame in (error.get("stacktrace") or {}).get("frames", []):
            frame.pop("vars", None)
    return event


def _client_of(dsn: str) -> "Client":
    from sentry_sdk import Client
    from sentry_sdk.transport import HttpTransport

    class Telling(HttpTransport):
        """Sentry's own, that says at most once a minute what it could not deliver."""

        said_at = -WARN_EVERY_SECONDS

        def on_dropped_event(self, _reason: str) -> None:
            if time.monotonic() - self.said_at >= WARN_EVERY_SECONDS:
                self.said_at = time.monotonic()
                log.warning("crash reports cannot be delivered; the hub goes on without", extra={"cause": _reason})

    # it logs each try by itself, and a server that is away would fill the log
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # the library prefers Brotli wherever that can be imported, and not every server of one's own takes it
    own_choices: Any = {"transport_compression_algo": "gzip"}
    return Client(
        dsn=dsn,
        release=f"lyceum@{VERSION}",
        transport=Telling,
        default_integrations=False,
        auto_enabling_integrations=False,
        # what is personal is left out by default; this would turn it on from the environment
        spotlight=False,
        include_local_variables=False,
        # the lines around a place would be read from their files, on the loop
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=_scrubbed,
        in_app_include=["lyceum"],
        _experiments=own_choices,
    )
