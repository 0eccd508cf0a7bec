"""Uploads over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from lyceum.accounts.edge import KEEPS_ANSWER, AnswerKeepingRoute, CurrentResources, Tx, Who, own_limit
from lyceum.files import parts, service
from lyceum.files.digests import announced_in
from lyceum.files.schemas import (
    PARTS_MAX,
    Completion,
    NewUpload,
    PartWhole,
    UploadBegun,
    UploadPartPage,
    UploadState,
    UploadWhole,
)
from lyceum.kernel.http.downloads import answer_download
from lyceum.kernel.http.paging import Limit

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"], route_class=AnswerKeepingRoute)

PartNumber = Annotated[int, Path(ge=1, le=PARTS_MAX)]
AfterPart = Annotated[int, Query(ge=0, le=PARTS_MAX)]


@router.post("", status_code=201, dependencies=[KEEPS_ANSWER])
async def begin_upload(tx: Tx, who: Who, resources: CurrentResources, wanted: NewUpload) -> UploadBegun:
    """Begin an upload; the answer says where to PUT the content."""
    return await service.begin(tx, who, resources, wanted)


@router.put("/{upload_id}/content")
@own_limit
async def receive_content(
    request: Request, resources: CurrentResources, upload_id: UUID, org: UUID, signature: str
) -> UploadWhole:
    """Take the content, streamed, at the signed address; a checksum in a header is looked at."""
    return await service.receive(
        resources,
        org_id=org,
        upload_id=upload_id,
        signature=signature,
        chunks=request.stream(),
        announced=announced_in(request.headers),
    )


@router.get("/{upload_id}/content", response_class=StreamingResponse)
@router.head("/{upload_id}/content", include_in_schema=False)
async def download_content(request: Request, who: Who, resources: CurrentResources, upload_id: UUID) -> Response:
    """Download what arrived, or a range of it, for as long as it is kept: until a version was made of it."""
    download = await service.download_for(who, resources, upload_id)
    return await answer_download(request, resources.storage, download)


@router.get("/{upload_id}")
async def read_upload(who: Who, resources: CurrentResources, upload_id: UUID) -> UploadState:
    """Read an upload: its state and how many of its parts are there."""
    return await service.state_for(who, resources, upload_id)


@router.get("/{upload_id}/parts")
async def list_parts(
    who: Who, resources: CurrentResources, upload_id: UUID, after: AfterPart = 0, limit: Limit = 100
) -> UploadPartPage:
    """List the parts of an open upload by number: which are there, and where to PUT each."""
    return await service.list_parts(who, resources, upload_id, after=after, limit=limit)


@router.put("/{upload_id}/parts/{number}")
@own_limit
async def receive_part(
    request: Request, resources: CurrentResources, upload_id: UUID, number: PartNumber, org: UUID, signature: str
) -> PartWhole:
    """Take a part, streamed, at its signed address; a checksum in a header is looked at."""
    return await parts.receive_part(
        resources,
        org_id=org,
        upload_id=upload_id,
        number=number,
        signature=signature,
        chunks=request.stream(),
        announced=announced_in(request.headers),
    )


@router.post("/{upload_id}/complete")
async def complete_upload(
    who: Who, resources: CurrentResources, upload_id: UUID, wanted: Completion | None = None
) -> UploadWhole:
    """Say that all parts, or the content in the object store, are there; needed only where `complete_needed` said so."""
    return await service.complete(who, resources, upload_id, wanted or Completion())


@router.delete("/{upload_id}", status_code=204)
async def abandon_upload(who: Who, resources: CurrentResources, upload_id: UUID) -> Response:
    """Remove an upload nothing was made of, with what has arrived of it."""
    await service.abandon(who, resources, upload_id)
    return Response(status_code=204)
