"""The ids an attempt works under: they stand in every line it logs, and in the jobs it puts on the queue itself."""

from collections.abc import Mapping

from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.telemetry import LogContext, log_context, trace_parent


def enter_attempt(run: JobRun, *, kind: str, origin: Mapping[str, str] | None) -> None:
    """Have all that this task says and enqueues from here on belong to the attempt, and to what its job comes from."""
    context: LogContext = {"job_id": run.job_id, "kind": kind, "attempt": run.attempt}
    known = {"org_id": run.scope.org_id, "user_id": run.scope.user_id, "request_id": (origin or {}).get("request_id")}
    log_context.set(context | {name: value for name, value in known.items() if value is not None})
    trace_parent.set((origin or {}).get("traceparent"))
