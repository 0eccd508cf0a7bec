"""Models over HTTP."""

from typing import Annotated

from fastapi import Path, Request, Response
from fastapi.responses import StreamingResponse

from lyceum.accounts.edge import CurrentResources, Power, Tx, Who, api_router, needs, needs_of_object
from lyceum.kernel.http.downloads import SHOWS_FILE, Download, answer_download
from lyceum.kernel.http.paging import Cursor, Limit, NamePart, decode_cursor, next_cursor
from lyceum.kernel.tx import aside
from lyceum.serve.registry import queries, service
from lyceum.serve.registry.schemas import (
    NUMBER_MAX,
    AliasTarget,
    Model,
    ModelPage,
    ModelVersion,
    ModelVersionPage,
    Sensitivity,
)

router = api_router("/api/v1/models", tags=["models"])

VersionNumber = Annotated[int, Path(ge=1, le=NUMBER_MAX, description="A version's number.")]


@router.get("")
@needs_of_object(Power.MODELS_READ)
async def list_models(tx: Tx, who: Who, named: NamePart = None, limit: Limit = 50, cursor: Cursor = None) -> ModelPage:
    """List the models you may read, newest first."""
    items = await queries.list_models(tx, who, limit=limit, before=decode_cursor(cursor), named=named)
    return ModelPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/{org}/{name}")
@needs_of_object(Power.MODELS_READ)
async def read_model(tx: Tx, who: Who, org: str, name: str) -> Model:
    """Read a model with its aliases."""
    return await queries.model_for(tx, who, org, name)


@router.delete("/{org}/{name}", status_code=204)
@needs_of_object(Power.MODELS_WRITE)
async def archive_model(tx: Tx, who: Who, org: str, name: str) -> Response:
    """Take a model out of service and free its name."""
    await service.archive(tx, who, org, name)
    return Response(status_code=204)


@router.get("/{org}/{name}/versions")
@needs_of_object(Power.MODELS_READ)
async def list_model_versions(
    tx: Tx, who: Who, org: str, name: str, limit: Limit = 50, cursor: Cursor = None
) -> ModelVersionPage:
    """List a model's versions, newest first."""
    items = await queries.list_versions(tx, who, org, name, limit=limit, before=decode_cursor(cursor))
    return ModelVersionPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/{org}/{name}/versions/{number}")
@needs_of_object(Power.MODELS_READ)
async def read_model_version(tx: Tx, who: Who, org: str, name: str, number: VersionNumber) -> ModelVersion:
    """Read a version: its signature, its parity, its endpoint."""
    return await queries.version_for(tx, who, org, name, number)


@router.get("/{org}/{name}/versions/{number}/artifact", response_class=StreamingResponse, responses=SHOWS_FILE)
@router.head("/{org}/{name}/versions/{number}/artifact", include_in_schema=False)
@needs_of_object(Power.MODELS_READ)
async def download_artifact(
    request: Request, who: Who, resources: CurrentResources, org: str, name: str, number: VersionNumber
) -> Response:
    """Download the ONNX file, or a range of it; it runs anywhere ONNX Runtime does."""
    # No transaction is open while the file goes out, however slow the client is.
    async with aside(resources.database, who.scope, writes=False) as tx:
        model, row = await queries.version_row_for(tx, who, org, name, number)
    download = Download(
        key=row.artifact_path,
        byte_count=row.artifact_bytes,
        sha256=row.artifact_sha256,
        version=str(row.id),
        file_name=f"{model.name}-{row.number}.onnx",
    )
    return await answer_download(request, resources.storage, download)


@router.put("/{org}/{name}/sensitive")
@needs(Power.MODELS_WRITE)
async def mark_model(tx: Tx, who: Who, org: str, name: str, wanted: Sensitivity) -> Model:
    """Have every read of a model recorded in the audit log, or no longer."""
    return await service.mark(tx, who, org, name, sensitive=wanted.sensitive)


@router.put("/{org}/{name}/aliases/{alias}")
@needs_of_object(Power.MODELS_WRITE)
async def set_alias(tx: Tx, who: Who, org: str, name: str, alias: str, target: AliasTarget) -> Model:
    """Have an alias name a version; predictions follow within a second."""
    return await service.set_alias(tx, who, org, name, alias, target.version)
