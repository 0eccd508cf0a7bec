"""What observing costs: a statement that is timed, a span that nobody wants, one that is sent, a line's ids.

    python bench/observing.py

Prints microseconds an operation, the best of several rounds, and the CPU time of the imports that are saved without a
collector and a Sentry. No server is needed.
"""

import resource
import subprocess
import sys
import timeit
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from opentelemetry.sdk.trace import TracerProvider

from lyceum.kernel import tracing
from lyceum.kernel.statements import StatementWatch, _note_begin
from lyceum.kernel.telemetry import log_context, note_in_log, origin_of_jobs, trace_parent

ROUNDS = 7
CALLS = 20_000
STATEMENT = "SELECT jobs.id, jobs.state FROM jobs WHERE jobs.id = %(id_1)s::UUID"


def microseconds(call: Callable[[], object]) -> float:
    """Return what one call takes, in the best round."""
    return min(timeit.repeat(call, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def cpu_seconds(code: str) -> float:
    """Return the CPU time of a new interpreter that runs the code, in the best round."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run((sys.executable, "-c", code), check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(ROUNDS))


def main() -> None:
    """Print the figures."""
    watch = StatementWatch("postgresql://nobody@localhost/nothing", process="bench", slow_seconds=60)
    context, cursor, nothing = SimpleNamespace(), SimpleNamespace(rowcount=1), cast("Any", None)

    def timed_statement() -> None:
        _note_begin(nothing, cursor, STATEMENT, nothing, context, False)
        watch._ended(nothing, cursor, STATEMENT, nothing, context, False)  # noqa: SLF001 what is measured

    def traced() -> None:
        with tracing.traced("something"):
            pass

    log_context.set({"request_id": uuid4().hex})
    ids = {"org_id": uuid4(), "user_id": uuid4()}
    print(f"a statement is timed            {microseconds(timed_statement):8.2f} µs")
    print(f"a span, where none is wanted    {microseconds(traced):8.2f} µs")
    print(f"ids noted for the log           {microseconds(lambda: note_in_log(**ids)):8.2f} µs")
    print(f"the origin of a job             {microseconds(origin_of_jobs):8.2f} µs")
    provider = TracerProvider(shutdown_on_exit=False)
    tracing._tracer = provider.get_tracer("bench")  # noqa: SLF001 with nothing behind it
    trace_parent.set("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    print(f"a span, where one is wanted     {microseconds(traced):8.2f} µs")
    print(f"a statement is timed and traced {microseconds(timed_statement):8.2f} µs")
    bare = cpu_seconds("import sys")
    for name in ("lyceum.kernel.trace_export", "sentry_sdk", "lyceum.cli"):
        print(f"import {name:<25}{(cpu_seconds(f'import {name}') - bare) * 1000:8.0f} ms CPU")


if __name__ == "__main__":
    main()
