"""Taking a push: read against the columns, kept in one statement, and a version asked for once in a while."""

import asyncio
import hashlib
from collections import OrderedDict
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.data.datasets.cards import addresses_of_datasets
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.pushes import buffer
from lyceum.data.datasets.pushes.errors import BufferFull, NothingHeld, TooManyRecords
from lyceum.data.datasets.pushes.jobs import BeginFlush
from lyceum.data.datasets.pushes.queries import columns_of, target_for
from lyceum.data.datasets.pushes.records import Columns, Form, read_records
from lyceum.data.datasets.pushes.schemas import Pushed, PushState
from lyceum.data.datasets.readiness import require_awake_by_id
from lyceum.data.datasets.sharing import writing_to, writing_to_dataset
from lyceum.kernel.config import Settings
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.tx import after_commit
from lyceum.kernel.usage import in_units, refuse_past_quota

READ_ON_THE_LOOP_BYTES_MAX = 32 * 1024
DATASETS_REMEMBERED_MAX = 10_000

_asked_until: OrderedDict[UUID, datetime] = OrderedDict()
"""For which window this process has asked for a version of a dataset's pushes, and committed it."""


async def push(
    tx: AsyncSession, who: Actor, settings: Settings, org: str, name: str, *, body: bytes, form: Form
) -> Pushed:
    """Keep records for the dataset's next version; they are kept for good once `tx` has committed.

    Raises `DatasetNotFound`, `RecordsUnreadable`, `TooManyRecords`, `BufferFull`, `StorageQuotaExceeded`.
    """
    async with writing_to(tx, who, org, name) as writer:
        target = await target_for(tx, writer, org, name)
        records = await count_fitting(body, form, await columns_of(tx, target.version_id), settings)
        due_at = buffer.due_at(datetime.now(UTC), every_seconds=settings.push_flush_seconds)
        await ask_for_version(tx, settings, target.id, due_at)
        batch = buffer.NewBatch(target.org_id, target.id, who.user_id, form, records, body)
        [number] = await buffer.add_batches(tx, [batch])
    return Pushed(dataset=f"{org}/{target.name}", batch=number, records=records, due_at=due_at)


async def push_again(tx: AsyncSession, who: Actor, version_id: UUID) -> PushState:
    """Put the records that a rejected version keeps back, and have a version made of them soon.

    Raises `VersionNotFound`, `NothingHeld`, `DatasetNotFound`.
    """
    row = await tx.get(DatasetVersionRow, version_id)
    if row is None:
        raise VersionNotFound(f"There is no dataset version {version_id} that you may change.")
    dataset_id, is_rejected = row.dataset_id, row.state == "rejected"
    async with writing_to_dataset(tx, who, dataset_id, row.org_id):
        if not is_rejected or not await buffer.put_back(tx, version_id):
            raise NothingHeld("This version keeps no pushed records; only one that was rejected may.")
        await require_awake_by_id(tx, dataset_id, (await addresses_of_datasets(tx, [dataset_id]))[dataset_id])
        await enqueue(tx, BeginFlush(dataset_id=dataset_id))
        return await buffer.state_of(tx, dataset_id)


async def count_fitting(body: bytes, form: Form, columns: Columns | None, settings: Settings) -> int:
    """Return how many records a body has; raises `RecordsUnreadable` and `TooManyRecords`."""
    if len(body) > READ_ON_THE_LOOP_BYTES_MAX:
        records = await asyncio.to_thread(lambda: len(read_records(body, form, columns)))
    else:
        records = len(read_records(body, form, columns))
    require_few(records, settings)
    return records


def require_few(records: int, settings: Settings) -> None:
    """Raise `TooManyRecords` for more records than one request may have."""
    if records > settings.push_records_max:
        raise TooManyRecords(
            f"The body has {records:,} records and one push may have {settings.push_records_max:,}; send them in "
            "several, or upload a file."
        )


async def ask_for_version(tx: AsyncSession, settings: Settings, dataset_id: UUID, due_at: datetime) -> None:
    """Have a version made at the end of the window, and look once a window whether there is room for more.

    Raises `BufferFull`, `StorageQuotaExceeded`.
    """
    if _asked_until.get(dataset_id) == due_at:
        return
    await refuse_past_quota(tx, settings)
    waiting_bytes = await buffer.waiting_bytes(tx, dataset_id)
    if waiting_bytes > settings.push_buffer_bytes_max:
        raise BufferFull(
            f"{in_units(waiting_bytes)} of pushed records wait to become a version of this dataset, and more than "
            f"{in_units(settings.push_buffer_bytes_max)} may not: see whether the hub's workers run, and send this again later."
        )
    await enqueue(tx, BeginFlush(dataset_id=dataset_id), job_id=_job_of(dataset_id, due_at), run_at=due_at)

    async def remember() -> None:
        _asked_until.pop(dataset_id, None)
        _asked_until[dataset_id] = due_at
        if len(_asked_until) > DATASETS_REMEMBERED_MAX:
            _asked_until.popitem(last=False)

    after_commit(tx, remember)


def _job_of(dataset_id: UUID, due_at: datetime) -> UUID:
    """Return the id of the window's job, the same whichever process asks: a UUID of version 7 made of what it is for."""
    milliseconds = int(due_at.timestamp() * 1000)
    digest = hashlib.sha256(dataset_id.bytes + milliseconds.to_bytes(8, "big")).digest()
    rest = int.from_bytes(digest[:10], "big")
    low = (0b10 << 62) | (rest & (2**62 - 1))
    return UUID(int=(milliseconds << 80) | ((0x7000 | (rest >> 68)) << 64) | low)
