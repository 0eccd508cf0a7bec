"""Quarantined rows over HTTP."""

from uuid import UUID

from lyceum.accounts.edge import (
    KEEPS_ANSWER,
    NEEDS_ROOM,
    CurrentResources,
    Power,
    Tx,
    Who,
    api_router,
    needs_of_object,
)
from lyceum.data.datasets.errors import VersionThinned
from lyceum.data.datasets.schemas import Version
from lyceum.data.quality.quarantine import service
from lyceum.data.quality.quarantine.schemas import NewQuarantine
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.problems import NoSpace

router = api_router(tags=["checks"])


@router.post(
    "/check-runs/{check_run_id}/quarantine",
    status_code=202,
    dependencies=[KEEPS_ANSWER, NEEDS_ROOM],
    responses=refuses(NoSpace, VersionThinned),
)
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def quarantine_rows(
    tx: Tx, who: Who, resources: CurrentResources, check_run_id: UUID, wanted: NewQuarantine
) -> Version:
    """Have all failing rows of a check run written as the next version of a dataset; follow it at `/dataset-versions/{id}`.

    Each row has its number in the version that was checked, and the checks that it failed.
    """
    return await service.begin_quarantine(tx, who, resources.settings, check_run_id, wanted)
