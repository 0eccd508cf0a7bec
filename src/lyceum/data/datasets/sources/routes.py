"""Files fetched from elsewhere, over HTTP."""

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
from lyceum.data.datasets.schemas import Version
from lyceum.data.datasets.sources import service
from lyceum.data.datasets.sources.schemas import NewFetch
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.problems import NoSpace

router = api_router(tags=["datasets"])


@router.post(
    "/datasets/{org}/{name}/fetches",
    status_code=202,
    dependencies=[KEEPS_ANSWER, NEEDS_ROOM],
    responses=refuses(NoSpace),
)
@needs_of_object(Power.DATASETS_WRITE)
@counts_as_push
async def fetch_version(
    tx: Tx, who: Who, resources: CurrentResources, org: str, name: str, wanted: NewFetch
) -> Version:
    """Have a file fetched from an address and read as the next version; follow it at `/dataset-versions/{id}`."""
    return await service.begin_fetch(tx, who, resources, org, name, wanted)
