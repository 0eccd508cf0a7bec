"""How long a dataset keeps what it has, over HTTP."""

from lyceum.accounts.edge import CurrentResources, Power, Tx, Who, api_router, needs_of_object
from lyceum.data.datasets.life import service
from lyceum.data.datasets.life.schemas import Dormancy, Retention, RetentionChange

router = api_router(tags=["datasets"])


@router.get("/datasets/{org}/{name}/retention")
@needs_of_object(Power.DATASETS_READ)
async def read_retention(tx: Tx, who: Who, resources: CurrentResources, org: str, name: str) -> Retention:
    """Read for how long a dataset keeps the rows of its versions."""
    return await service.retention_for(tx, who, resources.settings, org, name)


@router.put("/datasets/{org}/{name}/retention")
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def change_retention(
    tx: Tx, who: Who, resources: CurrentResources, org: str, name: str, wanted: RetentionChange
) -> Retention:
    """Say for how long a dataset keeps the rows of its versions; the latest, and what models learned from, stay anyway."""
    return await service.change_retention(tx, who, resources.settings, org, name, wanted)


@router.put("/datasets/{org}/{name}/dormancy")
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def set_dormancy(
    tx: Tx, who: Who, resources: CurrentResources, org: str, name: str, wanted: Dormancy
) -> Retention:
    """Have a dataset take no more writes, or take them again."""
    return await service.set_dormant(tx, who, resources.settings, org, name, dormant=wanted.dormant)
