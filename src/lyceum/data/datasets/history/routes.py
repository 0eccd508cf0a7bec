"""A dataset's history over HTTP: an earlier version made the newest, two compared, and the rows of any as a file."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from lyceum.accounts.edge import (
    KEEPS_ANSWER,
    NEEDS_ROOM,
    CurrentResources,
    Power,
    PrimaryTx,
    Tx,
    Who,
    api_router,
    needs_of_object,
)
from lyceum.data.datasets import queries
from lyceum.data.datasets.edge import VersionNumber, as_number
from lyceum.data.datasets.errors import VersionThinned
from lyceum.data.datasets.history import queries as diff_queries
from lyceum.data.datasets.history import service
from lyceum.data.datasets.history.downloading import MEDIA_TYPES, DownloadFormat, written_as
from lyceum.data.datasets.history.schemas import Diff, NewDiff
from lyceum.data.datasets.personal.public import note_unmasked_read
from lyceum.data.datasets.schemas import Version
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.http.downloads import content_disposition
from lyceum.kernel.http.protection import DATA_POLICY
from lyceum.kernel.problems import NoSpace
from lyceum.kernel.tx import aside

router = api_router(tags=["datasets"])

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows, as a file",
        "content": {
            kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()
        },
    }
}


@router.post(
    "/datasets/{org}/{name}/versions/{number}/restore",
    status_code=202,
    dependencies=[KEEPS_ANSWER, NEEDS_ROOM],
    responses=refuses(NoSpace, VersionThinned),
)
@needs_of_object(Power.DATASETS_WRITE)
async def restore_version(tx: Tx, who: Who, org: str, name: str, number: VersionNumber) -> Version:
    """Have a new version made that equals an earlier one, without copying its rows; follow it at `/dataset-versions/{id}`."""
    return await service.restore(tx, who, org, name, as_number(number))


@router.get(
    "/datasets/{org}/{name}/versions/{number}/rows",
    response_class=StreamingResponse,
    responses=_FILE | refuses(VersionThinned),
)
@needs_of_object(Power.DATASETS_READ)
async def download_version(
    who: Who,
    resources: CurrentResources,
    org: str,
    name: str,
    number: VersionNumber,
    *,
    format: Annotated[DownloadFormat, Query(description="How the file is written.")] = "csv",  # noqa: A002 as people call it
    escape_formulas: Annotated[
        bool, Query(description="In CSV, put an apostrophe before texts that a spreadsheet would carry out.")
    ] = False,
    unmasked: Annotated[
        bool, Query(description="With what columns marked as personal hold, for who may change the dataset; recorded.")
    ] = False,
) -> Response:
    """Download all rows of a version as CSV, Parquet or Arrow (Feather); what marked columns hold is masked."""
    # no transaction is open while rows are sent
    async with aside(resources.database, who.scope, writes=unmasked) as tx:
        row = await queries.version_row_for(tx, who, org, name, as_number(number))
        table = queries.as_version_table(row, f"{org}/{name}", dataset=row)
        if unmasked:
            note_unmasked_read(tx, who, table)
    headers = {
        "content-disposition": content_disposition(f"{row.dataset_name}-v{table.number}.{format}"),
        "content-security-policy": DATA_POLICY,
        "cache-control": "private, no-cache, no-transform",
        "x-content-type-options": "nosniff",
    }
    content = await written_as(
        resources.storage, table, format, escapes_formulas=escape_formulas, marks={} if unmasked else table.marks
    )
    return StreamingResponse(content, media_type=MEDIA_TYPES[format], headers=headers)


@router.post(
    "/datasets/{org}/{name}/diffs",
    status_code=202,
    dependencies=[KEEPS_ANSWER],
    responses=refuses(VersionThinned),
)
@needs_of_object(Power.DATASETS_WRITE)
async def compare_versions(tx: Tx, who: Who, org: str, name: str, wanted: NewDiff) -> Diff:
    """Have two versions compared: columns, rows by a key, and the figures of their profiles; follow it at `/dataset-diffs/{id}`."""
    return await service.begin_diff(tx, who, org, name, wanted)


@router.get("/dataset-diffs/{diff_id}")
@needs_of_object(Power.DATASETS_READ)
async def read_diff(tx: PrimaryTx, who: Who, diff_id: UUID) -> Diff:
    """Read a comparison of two versions."""
    return await diff_queries.diff_for(tx, who, diff_id)
