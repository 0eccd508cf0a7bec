"""Beginning to erase a person from a dataset, and how far that is."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power, require, require_to_see
from lyceum.data.datasets.addresses import rewriting_key
from lyceum.data.datasets.cards import datasets_made_of
from lyceum.data.datasets.models import DatasetRow
from lyceum.data.datasets.personal.errors import ErasureNotFound, ErasureUnderWay
from lyceum.data.datasets.personal.jobs import ErasePerson
from lyceum.data.datasets.personal.models import ErasureRow
from lyceum.data.datasets.personal.schemas import Erasure, ModelTrained, NewErasure
from lyceum.data.datasets.personal.sealing import sealed_key
from lyceum.data.datasets.personal.service import require_member
from lyceum.data.datasets.personal.under_way import is_version_under_way
from lyceum.data.datasets.queries import dataset_row_for
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import Resources


class Made(Protocol):
    """What was made of a version, as the modules above say it."""

    kind: str
    id: UUID
    address: str
    version_id: UUID


MadeOf = Callable[[AsyncSession, Collection[UUID]], Awaitable[Sequence[Made]]]


async def begin_erasure(
    tx: AsyncSession, who: Actor, resources: Resources, org: str, name: str, wanted: NewErasure
) -> Erasure:
    """Have a person erased from every version of a dataset; the answer is queued and names the job.

    Raises `DatasetNotFound`, `NotAllowed` for a guest, `ErasureUnderWay` where another one or a version is being made.
    """
    require(who, Power.DATASETS_WRITE)
    require_member(who, org, f"To erase somebody from {org}/{name}")
    dataset = await dataset_row_for(tx, who, org, name, need=Power.DATASETS_WRITE)
    # whoever has begun a version holds the row; whoever begins one later sees the erasure
    await tx.execute(select(DatasetRow.id).where(DatasetRow.id == dataset.id).with_for_update())
    address = f"{org}/{dataset.name}"
    if await is_version_under_way(tx, dataset.id):
        raise ErasureUnderWay(f"A version of {address} is being made; ask again when it is decided.")
    erasure_id = new_id()
    row = ErasureRow(
        id=erasure_id,
        org_id=dataset.org_id,
        dataset_id=dataset.id,
        key_column=wanted.column,
        key_sealed=sealed_key(resources.sealer, erasure_id, wanted.value),
        created_by=who.user_id,
    )
    try:
        async with tx.begin_nested():
            tx.add(row)
            await tx.flush()
    except IntegrityError:
        raise ErasureUnderWay(
            f"Somebody is being erased from {address} already; ask again when that is done."
        ) from None
    row.job_id = await enqueue(tx, ErasePerson(erasure_id=erasure_id), ordering_key=rewriting_key(row.dataset_id))
    await tx.flush()
    await tx.refresh(row)
    note_audit(after={"column": wanted.column})
    return _as_erasure(row, address, [], await datasets_made_of(tx, dataset.id))


async def erasure_for(tx: AsyncSession, who: Actor, erasure_id: UUID, asked: Sequence[MadeOf]) -> Erasure:
    """Return an erasure, done or not, with what was trained on the versions as far as the caller sees it."""
    require_to_see(who, Power.DATASETS_READ)
    row = await tx.get(ErasureRow, erasure_id)
    dataset = await tx.get(DatasetRow, row.dataset_id) if row is not None else None
    if row is None or dataset is None:
        raise ErasureNotFound(f"There is no erasure {erasure_id} that you may read.")
    numbers = {UUID(one["id"]): int(one["number"]) for one in (row.result or {}).get("versions", [])}
    trained = [
        ModelTrained(kind=made.kind, id=made.id, name=made.address, version=numbers[made.version_id])
        for ask in asked
        if numbers
        for made in await ask(tx, list(numbers))
    ]
    made_into = await datasets_made_of(tx, dataset.id)
    return _as_erasure(row, f"{who.org_name}/{dataset.name}", trained, made_into)


def _as_erasure(row: ErasureRow, address: str, trained: list[ModelTrained], made_into: list[str]) -> Erasure:
    had = (row.result or {}).get("versions", [])
    return Erasure(
        id=row.id,
        dataset=address,
        column=row.key_column,
        state=row.state,
        job_id=row.job_id,
        rows_removed={int(one["number"]): int(one["rows"]) for one in had},
        trained_on=trained,
        made_into=made_into,
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
