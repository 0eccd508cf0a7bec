"""The files of a table measured all over a Ray cluster: each group of them gives a state, and states merge.

Ray only lends processors. What is to be done goes out with each task, what comes back is some kilobytes, a task whose node is
lost is done again on another one, and a cluster that is not there at all leaves the work to this process.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec
import polars as pl

from lyceum.data.datasets.rows.public import TablePart, scan_part
from lyceum.data.quality.engine.public import (
    Check,
    CheckReport,
    Surroundings,
    TableState,
    checks_from_plain,
    is_mergeable,
    measure,
    merged_states,
    reference_from_bytes,
    report_of,
    run_checks,
    state_from_bytes,
    with_distinct_ids,
)

RETRIES_MAX = 5
"""How often a part is measured anew when its node, or the process that measures it, is lost."""
WAIT_SECONDS = 1.0
CONNECT_SECONDS_MAX = 20


class ClusterUnusable(RuntimeError):
    """The cluster cannot be reached, or gave up; the text says why."""


class PartWork(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a table, and what it is checked by."""

    part: TablePart
    definitions: list[dict[str, Any]]
    now: datetime
    references: dict[str, bytes]
    others: dict[str, TablePart]
    """Whole tables that keys are looked up in, by address."""


def is_available() -> bool:
    """Return whether Ray can be imported, without importing it."""
    return find_spec("ray") is not None


def measured(work: bytes) -> bytes:
    """Return the state of a part; this is what nodes run."""
    asked = msgspec.msgpack.decode(work, type=PartWork)
    references = {name: reference_from_bytes(stored) for name, stored in asked.references.items()}

    def table_named(address: str) -> pl.LazyFrame:
        if address not in asked.others:
            raise LookupError(f"there is no dataset '{address}' that whoever asked for the run may read")
        return scan_part(asked.others[address])

    around = Surroundings(now=asked.now, references=references, table_named=table_named)
    return measure(scan_part(asked.part), checks_from_plain(asked.definitions), around=around).to_bytes()


def state_by_cluster(
    address: str,
    parts: Sequence[TablePart],
    definitions: Sequence[Mapping[str, Any]],
    *,
    around: Surroundings,
    others: Mapping[str, TablePart],
    stop_if_asked: Callable[[], None] = lambda: None,
) -> TableState:
    """Return the state of a table given in parts, in their order; `stop_if_asked` is called again and again and may raise.

    Raises ClusterUnusable.
    """
    if not is_available():
        raise ClusterUnusable("LYCEUM_RAY_ADDRESS is set and Ray is not installed; install lyceum-hub[ray].")
    references = {name: reference.to_bytes() for name, reference in around.references.items()}
    works = [
        msgspec.msgpack.encode(
            PartWork(
                part=part,
                definitions=[dict(each) for each in definitions],
                now=around.now,
                references=references,
                others=dict(others),
            )
        )
        for part in parts
    ]
    return merged_states([state_from_bytes(each) for each in _by_ray(address, works, stop_if_asked)])


def _by_ray(address: str, works: Sequence[bytes], stop_if_asked: Callable[[], None]) -> list[bytes]:
    # nothing is told to anybody
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = import_module("ray")  # an extra: its types are there only with it

    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, ignore_reinit_error=True)
        task = ray.remote(num_cpus=1, max_retries=RETRIES_MAX, retry_exceptions=[OSError])(measured)
        place_of = {task.remote(work): place for place, work in enumerate(works)}
        found: dict[int, bytes] = {}
        waiting = list(place_of)
        while waiting:
            stop_if_asked()
            done, waiting = ray.wait(waiting, timeout=WAIT_SECONDS)
            found |= {place_of[each]: ray.get(each) for each in done}
        return [found[place] for place in range(len(works))]
    except (ConnectionError, TimeoutError, RuntimeError, ValueError, ray.exceptions.RayError) as broken:
        raise ClusterUnusable(f"The Ray cluster at {address} did not do it: {str(broken).splitlines()[0]}") from broken
    finally:
        ray.shutdown()


def report_from(
    state: TableState,
    table: pl.LazyFrame,
    checks: Sequence[Check],
    *,
    around: Surroundings,
    sample_rows_max: int,
    line_of_first_row: int | None,
    masked: Collection[str] = (),
) -> CheckReport:
    """Return the report that `run_checks` would give, less `keys_known` among the metrics of `referential`.

    Values of the columns in `masked` appear nowhere in it.

    What fails on a row is looked at once more here, for the rows that fail, and so is what needs the whole table at once.
    """
    asked = with_distinct_ids(checks)
    merged = report_of(state, asked, around=around, masked=masked)
    anew = [
        check
        for check, result in zip(asked, merged.results, strict=True)
        if result.failing or result.status in {"failed", "errored"} or not is_mergeable(check)
    ]
    if not anew:
        return merged
    whole = run_checks(
        table,
        anew,
        sample_rows_max=sample_rows_max,
        line_of_first_row=line_of_first_row,
        masked=masked,
        around=around,
    )
    by_id = {result.check.id: result for result in whole.results}
    return CheckReport(merged.rows, tuple(by_id.get(result.check.id, result) for result in merged.results))
