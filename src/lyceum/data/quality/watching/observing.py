"""Measuring versions and judging their metrics, in a process of its own."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from lyceum.data.datasets.rows.public import scan_unmasked
from lyceum.data.quality.anomalies.public import (
    BatchMemory,
    Finding,
    MetricWatch,
    Observation,
    Standing,
    StateUnreadable,
    TorchMissing,
    WatchOptions,
    begun,
    decoded,
    encoded,
    measure,
    observe,
    remember,
    tuned,
    without_columns,
)
from lyceum.data.quality.watching.errors import DetectorMissing
from lyceum.data.quality.watching.work import VersionToWatch, WatchedTable, WatchedVersion, WatchWork
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import Storage, open_storage

if TYPE_CHECKING:
    import polars as pl

MEASURED_ROWS_MAX = 200_000
"""Of a larger version its last rows are measured; `|rows` counts all of them."""
TUNED_AFTER_POINTS = 56
TUNED_EVERY_POINTS = 28


def watch_versions(work: WatchWork, side: ChildSide) -> WatchedTable:
    """Measure each version, say whether it is odd, and learn from it; one that is odd teaches the measures nothing."""
    del side
    storage = open_storage(settings())
    state, memory = _known(work)
    told = []
    for version in work.versions:
        memory = without_columns(memory, version.masked)
        batch, row_count = _rows(storage, version)
        metrics = measure(batch, memory) | {"|rows": float(row_count)}
        at = max(version.at_seconds, state.times[-1] + 1) if state.times else version.at_seconds
        was_odd = bool(state.odd and state.odd[-1])
        try:
            state, verdict = observe(state, Observation(at, metrics))
        except TorchMissing as missing:
            raise DetectorMissing(str(missing)) from missing
        is_odd = verdict.standing is Standing.ODD
        if not is_odd:
            memory = remember(memory, batch)
        if len(state.times) >= TUNED_AFTER_POINTS and version.number % TUNED_EVERY_POINTS == 0:
            state = tuned(state)
        told.append(
            WatchedVersion(
                version_id=version.version_id,
                number=version.number,
                at_seconds=at,
                is_odd=is_odd,
                ends=was_odd and not is_odd,
                score=verdict.score,
                threshold=verdict.threshold,
                findings=[_plain(finding) for finding in verdict.findings] if is_odd else [],
            )
        )
    return WatchedTable(
        versions=told, state=encoded(state), memory=msgspec.msgpack.encode(memory), revision=work.revision
    )


def _known(work: WatchWork) -> tuple[MetricWatch, BatchMemory]:
    """Return what is known; what another release wrote is begun anew."""
    options = WatchOptions(alarm_share=work.alarm_share, detectors=tuple(work.detectors))
    if work.state is None or work.memory is None:
        return begun(options), BatchMemory()
    try:
        state = decoded(work.state)
        memory = msgspec.msgpack.decode(work.memory, type=BatchMemory)
    except (StateUnreadable, msgspec.MsgspecError):
        return begun(options), BatchMemory()
    if set(state.options.detectors) != set(options.detectors):
        return begun(options), memory
    return msgspec.structs.replace(state, options=options), memory


def _rows(storage: Storage, version: VersionToWatch) -> tuple["pl.DataFrame", int]:
    import polars as pl

    scan = scan_unmasked(storage, version.table_key, version.delta_version)
    # of a marked column only what is missing is measured: bytes that are the same for all tell no more
    covered = [name for name in scan.collect_schema() if name in version.masked]
    scan = scan.with_columns(pl.when(pl.col(name).is_not_null()).then(pl.lit(b"")).alias(name) for name in covered)
    row_count = int(scan.select(pl.len()).collect().item())
    skipped = max(0, row_count - MEASURED_ROWS_MAX)
    return scan.slice(skipped, MEASURED_ROWS_MAX).collect(), row_count


def _plain(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON holds it: a band that is not known is null."""
    found: dict[str, Any] = msgspec.to_builtins(finding)
    return {name: None if isinstance(told, float) and not np.isfinite(told) else told for name, told in found.items()}
