"""A dataset's checks on records that somebody has and the hub does not keep: answered at once, and nothing is stored.

Checks are made ready once for what they are and the columns they are for; after that, the database is asked once a second
for the dataset and for the checks' fingerprint, and for nothing between.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import LargeBinary, Text, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from lyceum.accounts.public import Actor, Power, require_to_see
from lyceum.data.datasets.pushes.edge import (
    Columns,
    Form,
    RecordColumns,
    read_records,
    record_columns_for,
    require_few,
)
from lyceum.data.datasets.rows.public import Marks
from lyceum.data.quality.masking import reads_any
from lyceum.data.quality.models import CheckRow
from lyceum.data.quality.queries import checks_to_run
from lyceum.kernel.cache.brief import BriefMemory
from lyceum.kernel.config import Settings
from lyceum.kernel.db import Scope
from lyceum.kernel.prepared import Prepared
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

if TYPE_CHECKING:
    from lyceum.data.quality.engine.public import SmallChecks

SHOWN_MAX = 10
"""Of the records that fail a check, how many are named."""
ON_THE_LOOP_BYTES_MAX = 64 * 1024
ON_THE_LOOP_WORK_MAX = 1_000_000
"""Bytes of the body times the number of checks: about what takes a millisecond."""
READY_MAX = 128
KNOWN_SECONDS = 1.0
KNOWN_MAX = 1_000

_EACH = cast(CheckRow.id, Text) + literal_column("':'") + cast(CheckRow.revision, Text)
_ALL = func.coalesce(
    func.string_agg(_EACH, aggregate_order_by(literal_column("','"), CheckRow.id)), literal_column("''")
)
_FINGERPRINT = Prepared(
    select(func.encode(func.sha256(cast(_ALL, LargeBinary)), "hex", type_=Text).label("fingerprint")).where(
        CheckRow.dataset_id == bindparam("dataset_id"), CheckRow.archived_at.is_(None), CheckRow.enabled
    )
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A check as the answer names it."""

    check_id: str
    name: str
    kind: str
    severity: str
    definition: dict[str, Any]


# What `RecordsChecked` and its parts are in the document, in a form that takes a tenth of the time to make and write.


class _Item(msgspec.Struct):
    check_id: str
    name: str
    severity: str
    holds: bool
    records_checked: int
    failing_count: int
    first_failing: list[int]


class _Undecided(msgspec.Struct):
    check_id: str
    name: str
    why: str


class _Found(msgspec.Struct):
    records: int
    undecided: list[_Undecided]
    holds: bool = True
    items: list[_Item] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Ready:
    """Checks made ready for the columns of a version; `decided` are those of `small`, in its order."""

    small: "SmallChecks"
    decided: tuple[_Asked, ...]
    undecided: tuple[_Undecided, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """A dataset that somebody may read, and its checks."""

    target: RecordColumns
    ready: _Ready


class RecordChecks:
    """Checks records of a dataset: which checks it has, and that a caller may read it, is asked for once a second at most.

    As with keys, what is changed holds within a second.
    """

    def __init__(self, resources: Resources, *, known_seconds: float = KNOWN_SECONDS) -> None:
        self._resources = resources
        self._known: BriefMemory[tuple[Scope, str, str], _Known] = BriefMemory(
            seconds=known_seconds, entries_max=KNOWN_MAX
        )
        self._ready: OrderedDict[tuple[UUID, UUID, str], _Ready] = OrderedDict()
        """By dataset, version and fingerprint: of those, none ever changes."""

    async def close(self) -> None:
        """End what is still being asked for."""
        await self._known.close()

    async def check(self, who: Actor, org: str, name: str, *, body: bytes, form: Form) -> bytes:
        """Return the JSON of `RecordsChecked`: which of a dataset's checks hold on records; nothing is kept.

        Whoever may read the dataset and not change it is told nothing of checks that look at columns marked as personal,
        but for gaps. Raises `DatasetNotFound`, `VersionNotFound`, `RecordsUnreadable` and `TooManyRecords`.
        """
        require_to_see(who, Power.DATASETS_READ)
        known = await self._known.get((who.scope, org, name), self._load, who, org, name)
        covered = {} if _may_change(who, known.target) else known.target.marks
        work = partial(_checked, known, covered, body, form, self._resources.settings)
        if len(body) <= ON_THE_LOOP_BYTES_MAX and len(body) * len(known.ready.decided) <= ON_THE_LOOP_WORK_MAX:
            return work()
        return await asyncio.to_thread(work)

    async def _load(self, who: Actor, org: str, name: str) -> _Known:
        async with aside(self._resources.database, who.scope, writes=False) as tx:
            target = await record_columns_for(tx, who, org, name)
            found = await _FINGERPRINT.row(tx, dataset_id=target.dataset_id)
            ready = self._ready.get((target.dataset_id, target.version_id, found.fingerprint))
            asked = [] if ready is not None else await checks_to_run(tx, target.dataset_id, None)
        # no transaction is open while checks are made ready
        return _Known(target, ready or await self._made_ready(target, asked))

    async def _made_ready(self, target: RecordColumns, asked: Sequence[CheckRow]) -> _Ready:
        """Return checks made ready for the columns, and keep them under the fingerprint they have themselves."""
        ready = await asyncio.to_thread(_prepared, [(row.id, row.definition) for row in asked], target.columns)
        fingerprint = hashlib.sha256(",".join(f"{row.id}:{row.revision}" for row in asked).encode()).hexdigest()
        self._ready[target.dataset_id, target.version_id, fingerprint] = ready
        if len(self._ready) > READY_MAX:
            self._ready.popitem(last=False)
        return ready


def _may_change(who: Actor, target: RecordColumns) -> bool:
    return who.org_id == target.org_id and Power.DATASETS_WRITE in who.powers


def _prepared(asked: Sequence[tuple[UUID, dict[str, Any]]], columns: Columns) -> _Ready:
    from lyceum.data.quality.engine.public import checks_from_plain, decided_by_rows, small_checks, types_of

    types = types_of(columns)
    decided: list[_Asked] = []
    checks, undecided = [], []
    for check_id, definition in asked:
        # one by one, for beside each other ids that repeat get a number
        [check] = checks_from_plain([definition])
        by_rows = decided_by_rows(check, types)
        if by_rows is None:
            undecided.append(_Undecided(str(check_id), check.id, "misfit"))
        elif not by_rows:
            undecided.append(_Undecided(str(check_id), check.id, "whole_table"))
        else:
            decided.append(_Asked(str(check_id), check.id, definition["kind"], check.severity, definition))
            checks.append(check)
    return _Ready(small_checks(checks, types, as_fields=True), tuple(decided), tuple(undecided))


def _checked(known: _Known, covered: Marks, body: bytes, form: Form, settings: Settings) -> bytes:
    small, records = known.ready.small, read_records(body, form, known.target.columns)
    require_few(len(records), settings)
    found = _Found(records=len(records), undecided=list(known.ready.undecided))
    for asked, counted in zip(known.ready.decided, small.counts(records), strict=True):
        if covered and asked.kind != "not_null" and reads_any(asked.definition, covered):
            # what it compares with may come from the table
            found.undecided.append(_Undecided(asked.check_id, asked.name, "masked"))
            continue
        failing = counted.failing
        first = small.first_failing(counted.check, records, at_most=SHOWN_MAX) if failing else []
        holds = not (failing and counted.fails)
        found.holds = found.holds and holds
        found.items.append(_Item(asked.check_id, asked.name, asked.severity, holds, counted.checked, failing, first))
    return msgspec.json.encode(found)
