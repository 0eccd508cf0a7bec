"""Odd rows over HTTP."""

from uuid import UUID

from lyceum.accounts.edge import KEEPS_ANSWER, Power, PrimaryTx, Tx, Who, api_router, needs_of_object
from lyceum.data.datasets.edge import VersionNumber, as_number
from lyceum.data.datasets.errors import VersionThinned
from lyceum.data.quality.oddrows import queries, service
from lyceum.data.quality.oddrows.schemas import NewOddRowSearch, OddRowSearch, OddRowSearchPage
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

router = api_router(tags=["anomalies"])


@router.post(
    "/datasets/{org}/{name}/versions/{number}/odd-rows",
    status_code=202,
    dependencies=[KEEPS_ANSWER],
    responses=refuses(VersionThinned),
)
@needs_of_object(Power.DATASETS_WRITE)
async def find_odd_rows(
    tx: Tx, who: Who, org: str, name: str, number: VersionNumber, wanted: NewOddRowSearch
) -> OddRowSearch:
    """Have the rows of a version found that are odd among the others, with the columns that make them so.

    Follow it at `/odd-rows/{id}`.
    """
    return await service.begin_search(tx, who, org, name, as_number(number), wanted)


@router.get("/datasets/{org}/{name}/versions/{number}/odd-rows")
@needs_of_object(Power.DATASETS_READ)
async def list_odd_row_searches(
    tx: Tx, who: Who, org: str, name: str, number: VersionNumber, limit: Limit = 50, cursor: Cursor = None
) -> OddRowSearchPage:
    """List the searches for odd rows of a version, newest first, without what they found."""
    items = await queries.list_searches(
        tx, who, org, name, as_number(number), limit=limit, before=decode_cursor(cursor)
    )
    return OddRowSearchPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/odd-rows/{search_id}")
@needs_of_object(Power.DATASETS_READ)
async def read_odd_rows(tx: PrimaryTx, who: Who, search_id: UUID) -> OddRowSearch:
    """Read a search for odd rows and what it found."""
    return await queries.search_for(tx, who, search_id)
