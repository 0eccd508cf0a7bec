"""Personal data over HTTP."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from fastapi import Request

from lyceum.accounts.edge import (
    KEEPS_ANSWER,
    CurrentResources,
    Power,
    PrimaryTx,
    Tx,
    Who,
    api_router,
    needs_of_object,
)
from lyceum.data.datasets.personal import erasures, queries, service
from lyceum.data.datasets.personal.schemas import Erasure, NewErasure, PersonalColumns, PersonalDecision

router = api_router(tags=["datasets"])


@router.get("/datasets/{org}/{name}/personal-columns")
@needs_of_object(Power.DATASETS_READ)
async def list_personal_columns(tx: Tx, who: Who, org: str, name: str) -> PersonalColumns:
    """List the columns that were found to hold personal data, or marked by a person; what they hold is masked."""
    return await queries.list_personal_columns(tx, who, org, name)


@router.put("/datasets/{org}/{name}/personal-columns")
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def decide_personal_column(tx: Tx, who: Who, org: str, name: str, wanted: PersonalDecision) -> PersonalColumns:
    """Mark a column as personal, or say that it is not: what a person says outlives later scans."""
    return await service.decide(tx, who, org, name, wanted)


@router.post("/datasets/{org}/{name}/erasures", status_code=202, dependencies=[KEEPS_ANSWER])
@needs_of_object(Power.DATASETS_WRITE)
async def erase_person(
    tx: Tx, who: Who, resources: CurrentResources, org: str, name: str, wanted: NewErasure
) -> Erasure:
    """Have a person's rows removed from every version; follow it at `/dataset-erasures/{id}`. Nothing brings them back."""
    return await erasures.begin_erasure(tx, who, resources, org, name, wanted)


@router.get("/dataset-erasures/{erasure_id}")
@needs_of_object(Power.DATASETS_READ)
async def read_erasure(tx: PrimaryTx, who: Who, request: Request, erasure_id: UUID) -> Erasure:
    """Read how far an erasure is, and what was trained on the versions that had the person."""
    asked = cast("Sequence[erasures.MadeOf]", request.app.state.consumers)
    return await erasures.erasure_for(tx, who, erasure_id, asked)
