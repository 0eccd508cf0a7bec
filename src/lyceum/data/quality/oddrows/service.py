"""Having the odd rows of a version looked for."""

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.data.datasets.public import version_table_for, writing_to
from lyceum.data.quality.oddrows.models import OddRowSearchRow
from lyceum.data.quality.oddrows.queries import as_listed
from lyceum.data.quality.oddrows.schemas import NewOddRowSearch, OddRowSearch
from lyceum.data.quality.oddrows.work import FindOddRows
from lyceum.kernel.jobs.queue import enqueue


async def begin_search(
    tx: AsyncSession, who: Actor, org: str, name: str, number: int | None, wanted: NewOddRowSearch
) -> OddRowSearch:
    """Have the odd rows of a dataset's version looked for, of the latest for None; the answer is queued and names the job.

    Raises `DatasetNotFound`, `VersionNotFound`, `VersionThinned`.
    """
    async with writing_to(tx, who, org, name) as writer:
        table = await version_table_for(tx, writer, f"{org}/{name}" if number is None else f"{org}/{name}@{number}")
        row = OddRowSearchRow(
            org_id=table.org_id, version_id=table.version_id, rows_max=wanted.rows, created_by=who.user_id
        )
        tx.add(row)
        await tx.flush()
        row.job_id = await enqueue(tx, FindOddRows(search_id=row.id))
        await tx.flush()
        await tx.refresh(row)
        return OddRowSearch(**as_listed(row).model_dump(), rows=[])
