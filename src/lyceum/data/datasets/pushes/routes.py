"""Pushes over HTTP."""

from typing import Any
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
from lyceum.data.datasets.pushes.errors import MediaTypeUnknown
from lyceum.data.datasets.pushes.records import Form
from lyceum.data.datasets.pushes.schemas import Pushed, PushState
from lyceum.data.datasets.pushes.together import PushesTogether
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.problems import NoSpace

router = api_router(tags=["datasets"])

_FORMS: dict[str, Form] = {
    "": "json",
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
}
_RECORD: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Records by the names of the columns, as one list, or one record on each line.",
        "content": {
            "application/json": {"schema": {"type": "array", "minItems": 1, "items": _RECORD}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


@router.post(
    "/datasets/{org}/{name}/records",
    status_code=202,
    dependencies=[KEEPS_ANSWER, NEEDS_ROOM],
    responses=refuses(MediaTypeUnknown, NoSpace),
    openapi_extra=_BODY,
)
@needs_of_object(Power.DATASETS_WRITE)
@counts_as_push
@not_recorded
async def push_records(request: Request, who: Who, resources: CurrentResources, org: str, name: str) -> Pushed:
    """Push records, one to thousands: they are kept once this is answered, and will be in the dataset's next version."""
    form, body = _form_of(request), await request.body()
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


def _form_of(request: Request) -> Form:
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = _FORMS.get(said)
    if form is None:
        raise MediaTypeUnknown(
            f"{said[:100]!r} is no form that records are taken in; send application/json with a list, or "
            "application/x-ndjson with one record on each line."
        )
    return form
