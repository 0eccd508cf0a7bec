"""Pushes over HTTP."""

from uuid import UUID

from fastapi import Request

from lyceum.accounts.edge import (
    KEEPS_ANSWER,
    NEEDS_ROOM,
    CurrentResources,
    Power,
    PrimaryTx,
    Tx,
    Who,
    api_router,
    counts_as_push,
    needs_of_object,
    not_recorded,
    open_tx,
)
from lyceum.data.datasets.pushes import queries, service
from lyceum.data.datasets.pushes.bodies import RECORDS_BODY, form_of
from lyceum.data.datasets.pushes.errors import MediaTypeUnknown
from lyceum.data.datasets.pushes.schemas import Pushed, PushState
from lyceum.data.datasets.pushes.together import PushesTogether
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.problems import NoSpace

router = api_router(tags=["datasets"])


@router.post(
    "/datasets/{org}/{name}/records",
    status_code=202,
    dependencies=[KEEPS_ANSWER, NEEDS_ROOM],
    responses=refuses(MediaTypeUnknown, NoSpace),
    openapi_extra=RECORDS_BODY,
)
@needs_of_object(Power.DATASETS_WRITE)
@counts_as_push
@not_recorded
async def push_records(request: Request, who: Who, resources: CurrentResources, org: str, name: str) -> Pushed:
    """Push records, one to thousands: they are kept once this is answered, and will be in the dataset's next version."""
    form, body = form_of(request), await request.body()
    together: PushesTogether = request.app.state.pushes_together
    # an answer that is kept stands and falls with the records
    if together.takes(who, org) and "idempotency-key" not in request.headers:
        return await together.push(who, org, name, body=body, form=form)
    return await service.push(await open_tx(request), who, resources.settings, org, name, body=body, form=form)


@router.get("/datasets/{org}/{name}/records")
@needs_of_object(Power.DATASETS_READ)
async def read_push_state(tx: PrimaryTx, who: Who, org: str, name: str) -> PushState:
    """Read how much of what was pushed to a dataset waits to become a version, and how much was held back."""
    return await queries.push_state_for(tx, who, org, name)


@router.post("/dataset-versions/{version_id}/push-again")
@needs_of_object(Power.DATASETS_WRITE)
async def push_again(tx: Tx, who: Who, version_id: UUID) -> PushState:
    """Have a version made anew of the pushed records that a rejected one keeps, such as when its reason is gone."""
    return await service.push_again(tx, who, version_id)
