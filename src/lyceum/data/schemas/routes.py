"""Schemas of datasets over HTTP."""

from typing import Annotated

from fastapi import Query

from lyceum.accounts.edge import Power, Tx, Who, api_router, needs_of_object
from lyceum.data.schemas import datasets
from lyceum.data.schemas.schemas import DatasetSchemaPage, SchemaCompatibility, SchemaDiff, SchemaTry, SchemaVerdict
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

SchemaNumber = Annotated[int | None, Query(ge=1, le=2**31 - 1)]

router = api_router(tags=["schemas"])


@router.get("/datasets/{org}/{name}/schemas")
@needs_of_object(Power.DATASETS_READ)
async def list_dataset_schemas(
    tx: Tx, who: Who, org: str, name: str, limit: Limit = 50, cursor: Cursor = None
) -> DatasetSchemaPage:
    """List what a dataset's columns are and were, newest first; one entry for each change."""
    items = await datasets.list_schemas(tx, who, org, name, limit=limit, before=decode_cursor(cursor))
    return DatasetSchemaPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/datasets/{org}/{name}/schema-diff")
@needs_of_object(Power.DATASETS_READ)
async def diff_dataset_schemas(
    tx: Tx, who: Who, org: str, name: str, since: SchemaNumber = None, until: SchemaNumber = None
) -> SchemaDiff:
    """Say what has changed between two schemas of a dataset, by default with the last change."""
    return await datasets.diff_for(tx, who, org, name, since=since, until=until)


@router.get("/datasets/{org}/{name}/schema-compatibility")
@needs_of_object(Power.DATASETS_READ)
async def read_dataset_compatibility(tx: Tx, who: Who, org: str, name: str) -> SchemaCompatibility:
    """Read which changes of its columns a dataset allows."""
    return SchemaCompatibility(mode=await datasets.compatibility_for(tx, who, org, name))


@router.put("/datasets/{org}/{name}/schema-compatibility")
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def set_dataset_compatibility(
    tx: Tx, who: Who, org: str, name: str, wanted: SchemaCompatibility
) -> SchemaCompatibility:
    """Say which changes of its columns a dataset allows; a version that makes others is rejected from now on."""
    return SchemaCompatibility(mode=await datasets.allow_changes(tx, who, org, name, wanted.mode))


@router.post("/datasets/{org}/{name}/schema-tries")
@needs_of_object(Power.DATASETS_READ)
async def try_dataset_schema(tx: Tx, who: Who, org: str, name: str, wanted: SchemaTry) -> SchemaVerdict:
    """Say what other columns would change, and what of it the dataset does not allow; nothing is kept."""
    return await datasets.try_out(tx, who, org, name, wanted)
