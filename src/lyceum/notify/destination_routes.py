"""Destinations over HTTP."""

from uuid import UUID

from lyceum.accounts.edge import KEEPS_THAT_IT_WAS_DONE, CurrentResources, PrimaryTx, Tx, Who, api_router, needs
from lyceum.accounts.public import Power
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.notify import destinations
from lyceum.notify.schemas import DestinationMade, DestinationPage, DestinationTried, NewDestination

router = api_router("/api/v1/organisations", tags=["notify"])


@router.get("/{org}/destinations")
@needs(Power.DESTINATIONS_MANAGE)
async def list_destinations(
    tx: PrimaryTx, who: Who, org: str, limit: Limit = 50, cursor: Cursor = None
) -> DestinationPage:
    """List where the organisation has notices sent, newest first."""
    items = await destinations.list_destinations(tx, who, org, limit=limit, before=decode_cursor(cursor))
    after = next_cursor([item.id for item in items], limit)
    return DestinationPage(items=items, next=after, notice_kinds=list(destinations.SENT_ON))


@router.post("/{org}/destinations", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(Power.DESTINATIONS_MANAGE)
async def make_destination(
    tx: Tx, who: Who, resources: CurrentResources, org: str, wanted: NewDestination
) -> DestinationMade:
    """Have notices of some kinds sent to Slack, PagerDuty or a webhook."""
    return await destinations.make_destination(tx, who, org, resources.sealer, wanted)


@router.delete("/{org}/destinations/{destination_id}", status_code=204)
@needs(Power.DESTINATIONS_MANAGE)
async def remove_destination(tx: Tx, who: Who, org: str, destination_id: UUID) -> None:
    """Send nothing there any more."""
    await destinations.remove_destination(tx, who, org, destination_id)


@router.post("/{org}/destinations/{destination_id}/test")
@needs(Power.DESTINATIONS_MANAGE)
async def try_destination(who: Who, resources: CurrentResources, org: str, destination_id: UUID) -> DestinationTried:
    """Send a sample there now."""
    return await destinations.try_destination(resources, who, org, destination_id)
