"""The job that fetches a file from an address and has it read as an upload is."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets import versions
from lyceum.data.datasets.jobs import ReadUpload
from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.sources.errors import FetchFailed, FetchRefused
from lyceum.data.datasets.work import UploadFormat
from lyceum.files.public import store_fetched
from lyceum.kernel.jobs.ending import hold_in
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.outward import Outward
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

FETCH_SECONDS_MAX = 3600
SEALED_AS = "dataset fetch"
OK = 200
FAILED_STATUS_MIN = 500
BUSY = 429
"""A status that says: later."""


class FetchFile(JobArgs, frozen=True, kw_only=True):
    """Fetch a pending version's file; its address is sealed with the version, for it may hold a secret."""

    kind = "data.fetch_file"
    attempts_max = 3
    seconds_max = FETCH_SECONDS_MAX + 60
    needs_room = True
    version_id: UUID
    format: UploadFormat | None = None
    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool | None = None


async def _fetch(run: JobRun, args: FetchFile) -> None:
    wanted = select(DatasetVersionRow.upload_id, DatasetVersionRow.fetch_sealed)
    async with transaction(run.resources.database, run.scope) as tx:
        row = (await tx.execute(wanted.where(DatasetVersionRow.id == args.version_id))).one_or_none()
    if row is None or row.fetch_sealed is None or row.upload_id is None:
        # done by an attempt before this one
        return
    await _store(run, _opened(run.resources, args.version_id, bytes(row.fetch_sealed)), row.upload_id)
    async with transaction(run.resources.database, run.scope) as tx:
        job_id = await enqueue(tx, _reading(args))
        is_pending = (DatasetVersionRow.id == args.version_id) & (DatasetVersionRow.state == "pending")
        await tx.execute(update(DatasetVersionRow).where(is_pending).values(job_id=job_id, fetch_sealed=None))
        await hold_in(tx, run)


async def _store(run: JobRun, url: str, upload_id: UUID) -> None:
    outward = Outward.configured(run.resources.settings)
    bytes_max = run.resources.settings.upload_bytes_max
    async with outward.opened("GET", url, seconds_max=FETCH_SECONDS_MAX, bytes_max=bytes_max) as incoming:
        if incoming.status >= FAILED_STATUS_MIN or incoming.status == BUSY:
            raise FetchFailed(f"The address answered with the status {incoming.status}; it is asked again.")
        if incoming.status != OK:
            raise FetchRefused(
                f"The address answered with the status {incoming.status} and no file; look whether it needs a key, or has gone."
            )
        await store_fetched(run.resources, run.scope, upload_id, incoming.parts())


def _opened(resources: Resources, version_id: UUID, sealed: bytes) -> str:
    url = resources.sealer.opened(SEALED_AS, version_id.hex, sealed)
    if url is None:
        raise FetchRefused("The address was sealed by a hub with another secret key; name it again.")
    return url.decode()


def _reading(args: FetchFile) -> ReadUpload:
    return ReadUpload(
        version_id=args.version_id,
        format=args.format,
        encoding=args.encoding,
        delimiter=args.delimiter,
        has_header=args.has_header,
    )


async def _gave_up(tx: AsyncSession, args: FetchFile, error: dict[str, Any] | None, state: str) -> None:
    await versions.reject(tx, args.version_id, versions.why(error, state))
    row = DatasetVersionRow
    await tx.execute(update(row).where(row.id == args.version_id, row.state == "rejected").values(fetch_sealed=None))


HANDLERS = (LightHandler(args_type=FetchFile, run=_fetch, gave_up=_gave_up),)
