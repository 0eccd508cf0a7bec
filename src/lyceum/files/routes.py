"""Uploads over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Request

from lyceum.accounts.edge import KEEPS_ANSWER, AnswerKeepingRoute, CurrentResources, Tx, Who, own_limit
from lyceum.files import service
from lyceum.files.schemas import NewUpload, UploadBegun, UploadWhole

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"], route_class=AnswerKeepingRoute)


@router.post("", status_code=201, dependencies=[KEEPS_ANSWER])
async def begin_upload(tx: Tx, who: Who, resources: CurrentResources, wanted: NewUpload) -> UploadBegun:
    """Begin an upload; the answer says where to PUT the content."""
    return await service.begin(tx, who, resources, wanted)


@router.put("/{upload_id}/content")
@own_limit
async def receive_content(
    request: Request, resources: CurrentResources, upload_id: UUID, org: UUID, signature: str
) -> UploadWhole:
    """Take the content, streamed, at the signed address."""
    return await service.receive(
        resources, org_id=org, upload_id=upload_id, signature=signature, chunks=request.stream()
    )


@router.post("/{upload_id}/complete")
async def complete_upload(who: Who, resources: CurrentResources, upload_id: UUID) -> UploadWhole:
    """Say that the content lies in the object store; needed only where `complete_needed` said so."""
    return await service.complete(who, resources, upload_id)
