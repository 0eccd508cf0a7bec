"""Uploads, and what is kept, over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from lyceum.accounts.edge import (
    ADMINISTRATOR,
    KEEPS_ANSWER,
    OPEN,
    CurrentResources,
    Power,
    Tx,
    Who,
    api_router,
    counts_as_push,
    needs,
    needs_of_object,
    not_recorded,
    own_limit,
)
from lyceum.files import damage, kept, parts, service, sweeping
from lyceum.files.digests import announced_in
from lyceum.files.schemas import (
    PARTS_MAX,
    Completion,
    HubDisk,
    HubStorage,
    KeptStorage,
    NewUpload,
    PartWhole,
    Quota,
    UploadBegun,
    UploadPartPage,
    UploadState,
    UploadWhole,
)
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.http.downloads import SHOWS_FILE, answer_download
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.problems import Gone, NoSpace, TooLarge

router = api_router()

PartNumber = Annotated[int, Path(ge=1, le=PARTS_MAX)]
_NOT_SO_FAR: dict[int | str, dict[str, Any]] = {409: {"description": "The upload is not, or is no longer, so far"}}
AfterPart = Annotated[int, Query(ge=0, le=PARTS_MAX)]


@router.post("/uploads", tags=["uploads"], status_code=201, dependencies=[KEEPS_ANSWER], responses=refuses(NoSpace))
@needs_of_object(Power.DATASETS_WRITE)
@counts_as_push
async def begin_upload(tx: Tx, who: Who, resources: CurrentResources, wanted: NewUpload) -> UploadBegun:
    """Begin an upload; the answer says where to PUT the content."""
    return await service.begin(tx, who, resources, wanted)


@router.put("/uploads/{upload_id}/content", tags=["uploads"], responses=refuses(TooLarge, NoSpace))
@needs(OPEN)
@own_limit
@not_recorded
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


@router.get(
    "/uploads/{upload_id}/content",
    tags=["uploads"],
    response_class=StreamingResponse,
    responses={**SHOWS_FILE, **_NOT_SO_FAR, **refuses(Gone)},
)
@router.head("/uploads/{upload_id}/content", tags=["uploads"], include_in_schema=False)
@needs_of_object(Power.DATASETS_WRITE)
async def download_content(request: Request, who: Who, resources: CurrentResources, upload_id: UUID) -> Response:
    """Download what arrived, or a range of it, for as long as it is kept: until a version was made of it."""
    download = await service.download_for(who, resources, upload_id)
    return await answer_download(request, resources.storage, download)


@router.get("/uploads/{upload_id}", tags=["uploads"])
@needs_of_object(Power.DATASETS_WRITE)
async def read_upload(who: Who, resources: CurrentResources, upload_id: UUID) -> UploadState:
    """Read an upload: its state and how many of its parts are there."""
    return await service.state_for(who, resources, upload_id)


@router.get("/uploads/{upload_id}/parts", tags=["uploads"], responses=_NOT_SO_FAR)
@needs_of_object(Power.DATASETS_WRITE)
async def list_parts(
    who: Who, resources: CurrentResources, upload_id: UUID, after: AfterPart = 0, limit: Limit = 100
) -> UploadPartPage:
    """List the parts of an open upload by number: which are there, and where to PUT each."""
    return await service.list_parts(who, resources, upload_id, after=after, limit=limit)


@router.put("/uploads/{upload_id}/parts/{number}", tags=["uploads"], responses=refuses(TooLarge, NoSpace))
@needs(OPEN)
@own_limit
@not_recorded
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


@router.post("/uploads/{upload_id}/complete", tags=["uploads"], responses=refuses(NoSpace))
@needs_of_object(Power.DATASETS_WRITE)
@counts_as_push
async def complete_upload(
    who: Who, resources: CurrentResources, upload_id: UUID, wanted: Completion | None = None
) -> UploadWhole:
    """Say that all parts, or the content in the object store, are there; needed only where `complete_needed` said so."""
    return await service.complete(who, resources, upload_id, wanted or Completion())


@router.delete("/uploads/{upload_id}", tags=["uploads"], status_code=204)
@needs_of_object(Power.DATASETS_WRITE)
async def abandon_upload(who: Who, resources: CurrentResources, upload_id: UUID) -> Response:
    """Remove an upload nothing was made of, with what has arrived of it."""
    await sweeping.abandon(who, resources, upload_id)
    return Response(status_code=204)


@router.get("/storage", tags=["storage"])
@needs(Power.DATASETS_READ)
async def read_storage(tx: Tx, who: Who, resources: CurrentResources) -> KeptStorage:
    """Read what your organisation keeps and the most it may keep."""
    return await kept.own_storage(tx, who, resources.settings)


@router.get("/hub/storage", tags=["storage"])
@needs(ADMINISTRATOR)
async def read_storage_of_the_hub(
    tx: Tx, who: Who, resources: CurrentResources, limit: Limit = 50, cursor: Cursor = None
) -> HubStorage:
    """Read the hub's disk and what each organisation keeps; for whoever runs the hub."""
    items = await kept.list_storage(tx, who, resources.settings, limit=limit, after=decode_cursor(cursor))
    disk = resources.disk.look()
    return HubStorage(
        disk=HubDisk(total_bytes=disk.total_bytes, free_bytes=disk.free_bytes, free_bytes_min=disk.free_bytes_min),
        damaged=await damage.list_damaged(tx, who),
        items=items,
        next=next_cursor([item.id for item in items], limit),
    )


@router.put("/hub/storage/{org}/quota", status_code=204, tags=["storage"])
@needs(ADMINISTRATOR)
async def set_storage_quota(tx: Tx, who: Who, org: str, wanted: Quota) -> Response:
    """Limit what an organisation keeps; for whoever runs the hub."""
    await kept.set_quota(tx, who, org, wanted.bytes_max)
    return Response(status_code=204)
