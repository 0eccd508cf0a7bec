"""A check tried before it is kept: on the first rows of a version, in bounded time, off the loop."""

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lyceum.accounts.public import Actor
from lyceum.data.datasets.errors import ColumnMasked
from lyceum.data.datasets.personal.public import may_read_unmasked
from lyceum.data.datasets.public import VersionTable, version_table_for
from lyceum.data.datasets.rows.public import scan_unmasked
from lyceum.data.quality import compared
from lyceum.data.quality.definitions import usable
from lyceum.data.quality.errors import TrialsBusy, TrialTooSlow
from lyceum.data.quality.masking import ASK_NO_VALUE
from lyceum.data.quality.queries import as_result
from lyceum.data.quality.schemas import NewTrial, Trial
from lyceum.data.quality.work import TableAt
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import Storage
from lyceum.kernel.tx import aside

if TYPE_CHECKING:
    import polars as pl

    from lyceum.data.quality.engine.public import Surroundings

ROWS_MAX = 50_000
CELLS_MAX = 2_000_000
"""Of wide tables fewer rows are read."""
OTHER_ROWS_MAX = 2_000_000
"""Of a dataset that keys are looked up in: with a part of its rows alone, keys would be missed that are there."""
SECONDS_MAX = 10.0
SQL_SECONDS_MAX = 5.0
SQL_MEMORY_MB_MAX = 256
SAMPLE_ROWS_MAX = 10
AT_ONCE = 2
"""In one process. One that takes too long is told so, but keeps its place until it has ended."""
WHOLE_KINDS = frozenset({"row_count", "volume", "schema", "freshness"})
"""They ask of the table as a whole, and what they need is told without reading it, or is one column's end."""

_PLACES = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is tried, and what it looks at."""

    table: VersionTable
    definition: dict[str, Any]
    references: dict[str, TableAt]
    others: dict[str, VersionTable]


async def try_check(resources: Resources, who: Actor, org: str, name: str, wanted: NewTrial) -> Trial:
    """Return what would come of a check on a version, the newest where none is named; nothing is kept.

    Raises `DatasetNotFound`, `VersionNotFound`, `InvalidCheck`, `ColumnMasked`, `TrialTooSlow` and `TrialsBusy`.
    """
    # no transaction is open while rows are read
    async with aside(resources.database, who.scope, writes=False) as tx:
        which = f"{org}/{name}" if wanted.version is None else f"{org}/{name}@{wanted.version}"
        table = await version_table_for(tx, who, which)
        definition = await asyncio.to_thread(usable, wanted.definition, table.table_schema.model_dump())
        references = await compared.references(tx, table.version_id, [definition])
        others = await compared.tables_looked_up(tx, who, compared.looked_up_in([definition]))
    work = _Work(table, definition, references, others)
    await asyncio.to_thread(_refuse_masked, who, work)
    if not _PLACES.acquire(blocking=False):
        raise TrialsBusy("Other checks are being tried just now; try again in some seconds.")
    running = asyncio.get_running_loop().run_in_executor(None, _run, resources.storage, work)
    running.add_done_callback(_forget)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            return await asyncio.shield(running)
    except TimeoutError:
        raise TrialTooSlow(
            f"The check {definition['id']} took longer than {SECONDS_MAX:g} seconds on a part of the table; "
            "make it simpler, or keep it and have it run on a version."
        ) from None


def _refuse_masked(who: Actor, work: _Work) -> None:
    """Raise `ColumnMasked` for what would tell the caller values of marked columns by how many rows fail, and which."""
    if work.table.marks and not may_read_unmasked(who, work.table):
        if work.definition["kind"] == "sql":
            raise ColumnMasked(
                "Columns of this dataset hold personal data and are masked, so only members who may change it try "
                "queries on it; try another kind of check."
            )
        for name in _values_asked(work.definition):
            if name in work.table.marks:
                raise ColumnMasked(
                    f"{name[:100]!r} holds personal data and is masked, so only members who may change the dataset try "
                    "checks of its values; ask for not_null or completeness, or take another column."
                )
    for address, other in work.others.items():
        if not may_read_unmasked(who, other) and any(name in other.marks for name in work.definition["to_columns"]):
            raise ColumnMasked(
                f"The column of {address} that keys would be looked up in holds personal data and is masked; only "
                "members who may change that dataset try this."
            )


def _values_asked(definition: dict[str, Any]) -> list[str]:
    """Return the columns by whose values a check tells rows apart, as the engine understands what names them."""
    from lyceum.data.quality.engine.public import checks_from_plain

    [check] = checks_from_plain([definition])
    partition_by = definition.get("partition_by")
    subjects = () if definition["kind"] in ASK_NO_VALUE else check.subjects()
    return [*subjects, *([partition_by] if partition_by else [])]


def _forget(running: "asyncio.Future[Trial]") -> None:
    """Take note of how it ended, for whoever asked may be gone."""
    if not running.cancelled():
        running.exception()


def _run(storage: Storage, work: _Work) -> Trial:
    try:
        return _tried(storage, work)
    finally:
        _PLACES.release()


def _tried(storage: Storage, work: _Work) -> Trial:
    from lyceum.data.quality.engine.public import checks_from_plain, run_checks
    from lyceum.data.quality.scan import as_kept

    began, table = time.monotonic(), work.table
    rows_max = _rows_max(work)
    rows = scan_unmasked(storage, table.table_key, table.delta_version)
    report = run_checks(
        rows if rows_max is None else rows.head(rows_max),
        checks_from_plain([work.definition]),
        sample_rows_max=SAMPLE_ROWS_MAX,
        line_of_first_row=table.line_of_first_row,
        masked=table.marks,
        around=_around(storage, work, rows_max),
    )
    return Trial(
        version=table.number,
        row_count=table.row_count,
        rows_tried=report.rows,
        is_sample=report.rows < table.row_count,
        milliseconds=round((time.monotonic() - began) * 1000),
        result=as_result(as_kept(report, table.marks)[0], None, table.marks),
    )


def _rows_max(work: _Work) -> int | None:
    """Return how many rows are read, None for what is asked of the whole table."""
    if work.definition["kind"] in WHOLE_KINDS:
        return None
    return max(1, min(ROWS_MAX, CELLS_MAX // max(1, len(work.table.table_schema.columns))))


def _around(storage: Storage, work: _Work, rows_max: int | None) -> "Surroundings":
    from lyceum.data.quality.engine.public import SqlLimits, Surroundings, checks_from_plain, reference_of

    def table_named(address: str) -> "pl.LazyFrame":
        other = work.others.get(address)
        if other is None:
            raise LookupError(f"there is no dataset '{address}' that you may read")
        if other.row_count > OTHER_ROWS_MAX:
            raise LookupError(
                f"'{address}' has {other.row_count:,} rows, too many to be looked through in a trial; "
                "keep the check and have it run on a version"
            )
        return scan_unmasked(storage, other.table_key, other.delta_version)

    [check] = checks_from_plain([work.definition])
    read = check.subjects() if work.definition["kind"] != "volume" else ()
    references = {}
    for name, at in work.references.items():
        then = scan_unmasked(storage, at.table_key, at.delta_version)
        references[name] = reference_of(then if rows_max is None else then.head(rows_max), sorted(read))
    limits = SqlLimits(seconds_max=SQL_SECONDS_MAX, memory_mb_max=SQL_MEMORY_MB_MAX, threads_max=1)
    return Surroundings(references=references, table_named=table_named, sql=limits)
