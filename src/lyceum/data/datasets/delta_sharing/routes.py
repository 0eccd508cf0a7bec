"""The Delta Sharing protocol, so that its clients read datasets as they are.

A share is an organisation, its one schema is `datasets`, and a table is a dataset; a version of the table is a version of
the dataset. What a key may read is what is shared with it. The document of this API is Delta's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query, Request, Response

from lyceum.accounts.edge import CurrentResources, Power, Tx, Who, api_router, needs_of_object
from lyceum.data.datasets.delta_sharing import queries
from lyceum.data.datasets.delta_sharing.actions import lines_of, wants_delta
from lyceum.data.datasets.delta_sharing.edge import SharingRoute, json_response, table_response
from lyceum.data.datasets.delta_sharing.errors import ProfileNeedsKey, SharingUnsupported
from lyceum.data.datasets.delta_sharing.queries import SCHEMA, SharedName
from lyceum.data.datasets.delta_sharing.schemas import MaxResults, PageToken, TableQuery
from lyceum.data.datasets.handing.public import HandedTable, ReadableVersion, hand_out
from lyceum.kernel.http.downloads import content_disposition
from lyceum.kernel.http.paging import PAGE_ITEMS_MAX, decode_cursor, next_cursor
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import has_key_form
from lyceum.kernel.tx import aside

router = api_router("/delta-sharing", tags=["delta sharing"], include_in_schema=False)
router.route_class = SharingRoute

TABLE = "/shares/{share}/schemas/{schema}/tables/{table}"
Capabilities = Annotated[str, Header(alias="delta-sharing-capabilities", max_length=1000)]


@router.get("/profile")
@needs_of_object(Power.DATASETS_READ)
async def download_sharing_profile(request: Request, who: Who, resources: CurrentResources) -> Response:
    """Download the profile that clients are given: this hub's address, and the key that it was asked for with."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not has_key_form(key.strip()):
        raise ProfileNeedsKey("Ask for the profile with the API key it is to hold, as Authorization: Bearer lyk_….")
    profile = {
        "shareCredentialsVersion": 1,
        "endpoint": f"{_base_url(request, resources)}/delta-sharing",
        "bearerToken": key.strip(),
    }
    if who.expires_at is not None:
        profile["expirationTime"] = who.expires_at.isoformat()
    answer = json_response(profile)
    answer.headers["content-disposition"] = content_disposition("lyceum.share")
    return answer


@router.get("/shares")
@needs_of_object(Power.DATASETS_READ)
async def list_shares(tx: Tx, who: Who, max_results: MaxResults = None, page_token: PageToken = None) -> Response:
    """List the organisations that have a dataset the key may read."""
    limit = _items(max_results)
    found = await queries.list_shares(tx, who, limit=limit, after=decode_cursor(page_token))
    return _page([{"name": one.name, "id": str(one.id)} for one in found], [one.id for one in found], limit)


@router.get("/shares/{share}")
@needs_of_object(Power.DATASETS_READ)
async def read_share(tx: Tx, who: Who, share: str) -> Response:
    """Read a share."""
    found = await queries.share_for(tx, who, share)
    return json_response({"share": {"name": found.name, "id": str(found.id)}})


@router.get("/shares/{share}/schemas")
@needs_of_object(Power.DATASETS_READ)
async def list_share_schemas(tx: Tx, who: Who, share: str) -> Response:
    """List the schemas of a share: there is one."""
    found = await queries.share_for(tx, who, share)
    return json_response({"items": [{"name": SCHEMA, "share": found.name}]})


@router.get("/shares/{share}/schemas/{schema}/tables")
@needs_of_object(Power.DATASETS_READ)
async def list_share_tables(
    tx: Tx, who: Who, share: str, schema: str, max_results: MaxResults = None, page_token: PageToken = None
) -> Response:
    """List the datasets of an organisation that the key may read."""
    found = await queries.share_for(tx, who, share, schema)
    limit = _items(max_results)
    tables = await queries.list_tables(tx, found, limit=limit, before=decode_cursor(page_token))
    return _tables(found, tables, limit)


@router.get("/shares/{share}/all-tables")
@needs_of_object(Power.DATASETS_READ)
async def list_all_share_tables(
    tx: Tx, who: Who, share: str, max_results: MaxResults = None, page_token: PageToken = None
) -> Response:
    """List what `list_share_tables` does: a share has one schema."""
    return await list_share_tables(tx, who, share, SCHEMA, max_results, page_token)


@router.get(f"{TABLE}/version")
@router.head(TABLE)
@needs_of_object(Power.DATASETS_READ)
async def read_share_table_version(
    tx: Tx,
    who: Who,
    share: str,
    schema: str,
    table: str,
    since: Annotated[datetime | None, Query(alias="startingTimestamp")] = None,
) -> Response:
    """Say in a header which version is the newest, or the first since a time."""
    version = await queries.table_for(tx, who, share, schema, table, number=None, at=None)
    number = version.table.number
    if since is not None:
        number = await queries.first_number_since(tx, who, share, table, since)
    return table_response(number, ())


@router.get(f"{TABLE}/metadata")
@needs_of_object(Power.DATASETS_READ)
async def read_share_table_metadata(
    request: Request,
    who: Who,
    resources: CurrentResources,
    share: str,
    schema: str,
    table: str,
    capabilities: Capabilities = "",
) -> Response:
    """Say what columns the newest version has."""
    version, handed = await _handed(request, resources, who, share, schema, table, TableQuery())
    as_delta = wants_delta(capabilities, handed.schema)
    lines = lines_of(version, handed, as_delta=as_delta, limit=None, with_files=False)
    return table_response(version.table.number, lines, as_delta=as_delta)


@router.post(f"{TABLE}/query")
@needs_of_object(Power.DATASETS_READ)
async def query_share_table(
    request: Request,
    who: Who,
    resources: CurrentResources,
    share: str,
    schema: str,
    table: str,
    wanted: TableQuery,
    capabilities: Capabilities = "",
) -> Response:
    """Say where the files of a version lie, at addresses that open them for a while without a key."""
    if wanted.starting_version is not None or wanted.ending_version is not None:
        raise SharingUnsupported("This hub tells no changes between versions; ask for one version.")
    version, handed = await _handed(request, resources, who, share, schema, table, wanted)
    as_delta = wants_delta(capabilities, handed.schema)
    lines = lines_of(version, handed, as_delta=as_delta, limit=wanted.limit_hint, with_files=True)
    return table_response(version.table.number, lines, as_delta=as_delta)


@router.get(f"{TABLE}/changes")
@needs_of_object(Power.DATASETS_READ)
async def read_share_table_changes(tx: Tx, who: Who, share: str, schema: str, table: str) -> Response:
    """Say that there is no feed of changes."""
    await queries.share_for(tx, who, share, schema)
    raise SharingUnsupported(f"{share}/{table} has no change data feed; compare two versions in the hub instead.")


async def _handed(
    request: Request, resources: Resources, who: Who, share: str, schema: str, table: str, wanted: TableQuery
) -> tuple[ReadableVersion, HandedTable]:
    # no transaction is open while the table's log is read
    async with aside(resources.database, who.scope, writes=False) as tx:
        version = await queries.table_for(tx, who, share, schema, table, number=wanted.version, at=wanted.timestamp)
    base_url = _base_url(request, resources)
    return version, await hand_out(resources, version.table, masked=version.masked, base_url=base_url)


def _base_url(request: Request, resources: Resources) -> str:
    """Return the address that whoever asks reaches this hub at."""
    return resources.settings.public_url or str(request.base_url).rstrip("/")


def _items(max_results: int | None) -> int:
    return min(max_results or PAGE_ITEMS_MAX, PAGE_ITEMS_MAX)


def _tables(share: SharedName, tables: Sequence[SharedName], limit: int) -> Response:
    items = [
        {"name": one.name, "schema": SCHEMA, "share": share.name, "shareId": str(share.id), "id": str(one.id)}
        for one in tables
    ]
    return _page(items, [one.id for one in tables], limit)


def _page(items: list[dict[str, Any]], ids: list[UUID], limit: int) -> Response:
    token = next_cursor(ids, limit)
    return json_response({"items": items} | ({"nextPageToken": token} if token else {}))
