"""Tables read from databases, over HTTP."""

from fastapi import Response

from lyceum.accounts.edge import (
    KEEPS_ANSWER,
    NEEDS_ROOM,
    CurrentResources,
    Power,
    Tx,
    Who,
    api_router,
    counts_as_push,
    needs_of_object,
)
from lyceum.data.datasets.databases import queries, service
from lyceum.data.datasets.databases.schemas import NewSqlImport, SqlSource, SqlSourceSetting
from lyceum.data.datasets.schemas import Version
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.problems import NoSpace

router = api_router(tags=["datasets"])


@router.post(
    "/datasets/{org}/{name}/sql-imports",
    status_code=202,
    dependencies=[KEEPS_ANSWER, NEEDS_ROOM],
    responses=refuses(NoSpace),
)
@needs_of_object(Power.DATASETS_WRITE)
@counts_as_push
async def import_from_sql(
    tx: Tx, who: Who, resources: CurrentResources, org: str, name: str, wanted: NewSqlImport
) -> Version:
    """Have a table or a query of a database read as the next version; follow it at `/dataset-versions/{id}`.

    The database is PostgreSQL, MySQL or MariaDB at an address, an uploaded SQLite file, or, with nothing sent, the source.
    """
    return await service.begin_import(tx, who, resources, org, name, wanted)


@router.get("/datasets/{org}/{name}/sql-source")
@needs_of_object(Power.DATASETS_WRITE)
async def read_sql_source(tx: Tx, who: Who, resources: CurrentResources, org: str, name: str) -> SqlSource:
    """Read which database a dataset is read from."""
    return await queries.source_for(tx, who, resources, org, name)


@router.put("/datasets/{org}/{name}/sql-source")
@needs_of_object(Power.DATASETS_WRITE)
async def set_sql_source(
    tx: Tx, who: Who, resources: CurrentResources, org: str, name: str, wanted: SqlSourceSetting
) -> SqlSource:
    """Say which database a dataset is read from, and when again."""
    return await service.set_source(tx, who, resources, org, name, wanted)


@router.delete("/datasets/{org}/{name}/sql-source", status_code=204)
@needs_of_object(Power.DATASETS_WRITE)
async def forget_sql_source(tx: Tx, who: Who, org: str, name: str) -> Response:
    """Forget which database a dataset is read from, with its password."""
    await service.forget_source(tx, who, org, name)
    return Response(status_code=204)
