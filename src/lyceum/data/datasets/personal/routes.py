"""Personal data over HTTP."""

from lyceum.accounts.edge import Power, Tx, Who, api_router, needs_of_object
from lyceum.data.datasets.personal import queries, service
from lyceum.data.datasets.personal.schemas import PersonalColumns, PersonalDecision

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
