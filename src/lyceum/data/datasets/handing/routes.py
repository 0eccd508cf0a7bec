"""The files of a version, for programs that read a table themselves, a few columns of it perhaps."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from lyceum.accounts.edge import OPEN, CurrentResources, Power, Who, api_router, needs, needs_of_object, own_limit
from lyceum.data.datasets.edge import VersionNumber, as_number
from lyceum.data.datasets.errors import VersionThinned
from lyceum.data.datasets.handing import queries, service
from lyceum.data.datasets.handing.schemas import VersionFile, VersionFiles
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.http.downloads import SHOWS_FILE, answer_download
from lyceum.kernel.tx import aside

router = api_router(tags=["datasets"])

FileName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,150}\.parquet$")]


@router.get("/datasets/{org}/{name}/versions/{number}/files", responses=refuses(VersionThinned))
@needs_of_object(Power.DATASETS_READ)
async def read_version_files(
    who: Who, resources: CurrentResources, org: str, name: str, number: VersionNumber
) -> VersionFiles:
    """Read where the Parquet files of a version lie, at addresses that open them for a while without a key."""
    # no transaction is open while the table's log is read
    async with aside(resources.database, who.scope, writes=False) as tx:
        version = await queries.readable_version_for(tx, who, org, name, as_number(number))
    handed = await service.hand_out(resources, version.table, masked=version.masked)
    return VersionFiles(
        dataset=version.table.address,
        version=version.table.number,
        row_count=version.table.row_count,
        expires_at=handed.expires_at,
        files=[
            VersionFile(name=file.name, byte_count=file.byte_count, row_count=file.row_count, url=file.url)
            for file in handed.files
        ],
    )


@router.get(
    "/dataset-files/{org_id}/{dataset_id}/{file_name}",
    response_class=StreamingResponse,
    responses=SHOWS_FILE,
)
@router.head("/dataset-files/{org_id}/{dataset_id}/{file_name}", include_in_schema=False)
@needs(OPEN)
@own_limit
async def read_table_file(
    request: Request,
    resources: CurrentResources,
    org_id: UUID,
    dataset_id: UUID,
    file_name: FileName,
    byte_count: Annotated[int, Query(ge=0, le=2**50)],
    signature: Annotated[str, Query(max_length=100)],
) -> Response:
    """Read a file of a table, or a range of it, at the signed address that `read_version_files` gave."""
    download = service.file_at(
        resources, org_id=org_id, dataset_id=dataset_id, name=file_name, byte_count=byte_count, signature=signature
    )
    return await answer_download(request, resources.storage, download)
