"""How check runs begin: a person asks, a version has come, or a schedule says so."""

from typing import Literal
from uuid import UUID

from sqlalchemy import bindparam, distinct, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.public import VersionTable
from lyceum.data.quality.asked import RunChecks
from lyceum.data.quality.compared import tables_looked_up
from lyceum.data.quality.models import CheckRow, CheckRunRow
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.prepared import Prepared, Row
from lyceum.kernel.problems import Problem

Origin = Literal["person", "version", "schedule"]

_GIVEN = ("id", "org_id", "version_id", "job_id", "created_by", "origin", "check_ids")
_OF_DATASET = (
    CheckRow.dataset_id == bindparam("dataset_id"),
    CheckRow.archived_at.is_(None),
    CheckRow.enabled,
)
# a dataset's addresses that checks look keys up in, with the run, so that it costs no question of its own
_LOOKED_UP = (
    select(func.jsonb_agg(distinct(CheckRow.definition["to"].as_string()), type_=CheckRow.definition.type))
    .where(*_OF_DATASET, CheckRow.definition["kind"].as_string() == "referential")
    .scalar_subquery()
)
_ADD_RUN = Prepared(
    insert(CheckRunRow)
    .from_select(
        _GIVEN,
        select(*(bindparam(name, type_=getattr(CheckRunRow, name).type) for name in _GIVEN)).where(
            exists().where(*_OF_DATASET)
        ),
        include_defaults=False,
    )
    .returning(CheckRunRow, _LOOKED_UP.label("looked_up"))
)


async def begin_run(
    tx: AsyncSession, who: Actor, table: VersionTable, *, origin: Origin, check_ids: list[str] | None = None
) -> Row | None:
    """Have a dataset's checks run on a version, or those of them alone that are named; None where none is enabled.

    `tx` works for the dataset's organisation. Other datasets that checks look keys up in are read as `who` may.
    """
    run = await _ADD_RUN.row(
        tx,
        id=new_id(),
        org_id=table.org_id,
        version_id=table.version_id,
        job_id=new_id(),
        created_by=who.user_id,
        origin=origin,
        check_ids=check_ids,
        dataset_id=table.dataset_id,
    )
    if run is None:
        return None
    others = await _versions_looked_up(tx, who, run.looked_up or [])
    await enqueue(tx, RunChecks(check_run_id=run.id, others=others), job_id=run.job_id)
    return run


async def _versions_looked_up(tx: AsyncSession, who: Actor, addresses: list[str]) -> dict[str, UUID]:
    try:
        found = await tables_looked_up(tx, who, addresses)
    except Problem:
        # nobody answers for the run, or not any more; the check says that it could not look
        return {}
    return {address: other.version_id for address, other in found.items()}


def in_name_of(user_id: UUID | None, table: VersionTable) -> Actor:
    """Return who asks for a run that comes by itself: whoever made what brings it, in the dataset's organisation."""
    return Actor(
        org_id=table.org_id,
        org_name=table.address.partition("/")[0],
        user_id=user_id,
        key_id=None,
        powers=frozenset({Power.DATASETS_READ}),
    )
