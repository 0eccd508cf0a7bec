"""Datasets over HTTP."""

from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from lyceum.accounts.edge import (
    KEEPS_ANSWER,
    NEEDS_ROOM,
    CurrentResources,
    Power,
    Tx,
    Who,
    api_router,
    counts_as_push,
    needs,
    needs_of_object,
)
from lyceum.data.datasets import queries, service
from lyceum.data.datasets.edge import VersionNumber, as_number
from lyceum.data.datasets.errors import FilterUnusable, SlicesBusy, VersionThinned
from lyceum.data.datasets.health import HealthSources, with_health
from lyceum.data.datasets.preview import preview_json
from lyceum.data.datasets.schemas import (
    Dataset,
    DatasetChange,
    DatasetPage,
    NewDataset,
    NewVersion,
    Preview,
    Readme,
    Slice,
    SliceWanted,
    Version,
    VersionPage,
)
from lyceum.data.datasets.slices import slice_json
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.http.paging import Cursor, Limit, NamePart, decode_cursor, next_cursor
from lyceum.kernel.http.revisions import CHANGES_REVISION, IfMatch, etag_of, shows_revision
from lyceum.kernel.tx import aside

router = api_router(tags=["datasets"])


def _health_sources(request: Request) -> HealthSources:
    return cast("HealthSources", request.app.state.dataset_health)


HealthAsked = Annotated[HealthSources, Depends(_health_sources)]


@router.post("/datasets", status_code=201, dependencies=[KEEPS_ANSWER], responses=shows_revision(201))
@needs(Power.DATASETS_WRITE)
async def create_dataset(tx: Tx, who: Who, response: Response, wanted: NewDataset) -> Dataset:
    """Make an empty dataset; versions are added to it."""
    made = await service.create(tx, who, wanted)
    response.headers["etag"] = etag_of(made.revision)
    return made


@router.get("/datasets")
@needs_of_object(Power.DATASETS_READ)
async def list_datasets(
    tx: Tx, who: Who, health: HealthAsked, named: NamePart = None, limit: Limit = 50, cursor: Cursor = None
) -> DatasetPage:
    """List the datasets you may read, newest first, with how they stand."""
    items = await queries.list_datasets(tx, who, limit=limit, before=decode_cursor(cursor), named=named)
    return DatasetPage(items=await with_health(tx, items, health), next=next_cursor([item.id for item in items], limit))


@router.get("/datasets/{org}/{name}", responses=shows_revision(200))
@needs_of_object(Power.DATASETS_READ)
async def read_dataset(tx: Tx, who: Who, response: Response, org: str, name: str) -> Dataset:
    """Read a dataset."""
    found = await queries.dataset_for(tx, who, org, name)
    response.headers["etag"] = etag_of(found.revision)
    return found


@router.patch("/datasets/{org}/{name}", responses=CHANGES_REVISION)
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def change_dataset(
    tx: Tx, who: Who, response: Response, org: str, name: str, wanted: DatasetChange, if_match: IfMatch = None
) -> Dataset:
    """Change what a dataset says of itself, or who sees it; what is not sent stays."""
    changed = await service.change(tx, who, org, name, wanted, if_match=if_match)
    response.headers["etag"] = etag_of(changed.revision)
    return changed


@router.get("/datasets/{org}/{name}/readme")
@needs_of_object(Power.DATASETS_READ)
async def read_readme(tx: Tx, who: Who, org: str, name: str) -> Readme:
    """Read what there is to know of a dataset, in Markdown; it is changed with the dataset."""
    return Readme(readme=await queries.readme_for(tx, who, org, name))


@router.delete("/datasets/{org}/{name}", status_code=204)
@needs_of_object(Power.DATASETS_WRITE)
async def archive_dataset(tx: Tx, who: Who, org: str, name: str) -> Response:
    """Take a dataset out of sight and free its name."""
    await service.archive(tx, who, org, name)
    return Response(status_code=204)


@router.post("/datasets/{org}/{name}/versions", status_code=202, dependencies=[KEEPS_ANSWER, NEEDS_ROOM])
@needs_of_object(Power.DATASETS_WRITE)
@counts_as_push
async def add_version(
    tx: Tx, who: Who, resources: CurrentResources, org: str, name: str, wanted: NewVersion
) -> Version:
    """Have an upload read as the next version; follow it at `/dataset-versions/{id}`."""
    return await service.add_version(tx, who, resources.settings, org, name, wanted)


@router.get("/datasets/{org}/{name}/versions")
@needs_of_object(Power.DATASETS_READ)
async def list_versions(tx: Tx, who: Who, org: str, name: str, limit: Limit = 50, cursor: Cursor = None) -> VersionPage:
    """List a dataset's versions, newest first, with those pending and rejected."""
    items = await queries.list_versions(tx, who, org, name, limit=limit, before=decode_cursor(cursor))
    return VersionPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/datasets/{org}/{name}/versions/{number}")
@needs_of_object(Power.DATASETS_READ)
async def read_version(tx: Tx, who: Who, org: str, name: str, number: VersionNumber) -> Version:
    """Read an accepted version."""
    return await queries.version_for(tx, who, org, name, as_number(number))


@router.get("/dataset-versions/{version_id}")
@needs_of_object(Power.DATASETS_READ)
async def follow_version(tx: Tx, who: Who, version_id: UUID) -> Version:
    """Read a version in any state, such as one that is still being read."""
    return await queries.version_by_id(tx, who, version_id)


@router.get(
    "/datasets/{org}/{name}/versions/{number}/preview", response_model=Preview, responses=refuses(VersionThinned)
)
@needs_of_object(Power.DATASETS_READ)
async def preview_version(
    who: Who,
    resources: CurrentResources,
    org: str,
    name: str,
    number: VersionNumber,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """Read the first rows of a version: `limit` of them, or 50,000 cells; texts are cut to 200 characters."""
    # No transaction is open while rows are read, which may take a while from an object store.
    async with aside(resources.database, who.scope, writes=False) as tx:
        row = await queries.version_row_for(tx, who, org, name, as_number(number))
    table = queries.as_version_table(row, f"{org}/{name}", dataset=row)
    content = await preview_json(resources.storage, table, limit=limit)
    return Response(content, media_type="application/json")


@router.post(
    "/datasets/{org}/{name}/versions/{number}/slices",
    response_model=Slice,
    responses=refuses(FilterUnusable, SlicesBusy, VersionThinned),
)
@needs_of_object(Power.DATASETS_READ)
async def slice_version(
    who: Who, resources: CurrentResources, org: str, name: str, number: VersionNumber, wanted: SliceWanted
) -> Response:
    """Read rows of a version as they are asked for: some of them, in an order, from a place on; for at most 10 seconds."""
    async with aside(resources.database, who.scope, writes=False) as tx:
        row = await queries.version_row_for(tx, who, org, name, as_number(number))
    table = queries.as_version_table(row, f"{org}/{name}", dataset=row)
    return Response(await slice_json(resources.storage, table, wanted), media_type="application/json")


@router.get("/datasets/{org}/{name}/versions/{number}/profile")
@needs_of_object(Power.DATASETS_READ)
async def read_profile(tx: Tx, who: Who, org: str, name: str, number: VersionNumber) -> dict[str, Any]:
    """Read the profile made when the version was taken in."""
    return await queries.profile_for(tx, who, org, name, as_number(number))
