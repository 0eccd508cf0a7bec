"""Having a file fetched from an address as a dataset's next version."""

from pathlib import PurePosixPath
from urllib.parse import unquote

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.personal.public import refuse_while_erasing
from lyceum.data.datasets.queries import as_version, dataset_row_for
from lyceum.data.datasets.readiness import require_awake
from lyceum.data.datasets.schemas import Version
from lyceum.data.datasets.sharing import writing_to
from lyceum.data.datasets.sources.jobs import SEALED_AS, FetchFile
from lyceum.data.datasets.sources.schemas import NewFetch
from lyceum.files.public import begin_fetched
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.outward import Outward
from lyceum.kernel.resources import Resources

NAME_CHARACTERS_MAX = 255
NAMELESS = "fetched"


async def begin_fetch(
    tx: AsyncSession, who: Actor, resources: Resources, org: str, name: str, wanted: NewFetch
) -> Version:
    """Have a file fetched and read as the dataset's next version; the answer is pending and names the job.

    Raises `DatasetNotFound`, `AddressRefused` for what is no address the hub asks, `FileNameUnusable`,
    `StorageQuotaExceeded`.
    """
    address = Outward.configured(resources.settings).checked(wanted.url)
    file_name = wanted.file_name or _name_in(address.path)
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_row_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        require_awake(dataset, f"{org}/{dataset.name}")
        version_id = new_id()
        row = DatasetVersionRow(
            id=version_id,
            org_id=dataset.org_id,
            dataset_id=dataset.id,
            upload_id=await begin_fetched(tx, writer, resources.settings, file_name),
            file_name=file_name,
            fetch_sealed=resources.sealer.seal(SEALED_AS, version_id.hex, wanted.url.encode()),
            created_by=who.user_id,
        )
        tx.add(row)
        await tx.flush()
        await refuse_while_erasing(tx, dataset.id)
        how = wanted.model_dump(include={"format", "encoding", "delimiter", "has_header"})
        row.job_id = await enqueue(tx, FetchFile(version_id=row.id, **how))
        await tx.flush()
        await tx.refresh(row)
        return as_version(row, f"{org}/{dataset.name}")


def _name_in(path: str) -> str:
    """Return the last part of an address's path as a file name that can be shown."""
    name = PurePosixPath(unquote(path)).name.replace("\\", "_")
    shown = "".join(char for char in name if char.isprintable())[-NAME_CHARACTERS_MAX:]
    return shown if shown.strip(" .") else NAMELESS
