"""The door of schemas."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.schemas import queries
from lyceum.data.schemas.datasets import register_version
from lyceum.data.schemas.engine.public import Written
from lyceum.data.schemas.erasing import ERASER
from lyceum.data.schemas.errors import SchemaNotFound
from lyceum.data.schemas.judging import JUDGE


async def written_by_number(tx: AsyncSession, org_id: UUID, number: int) -> Written:
    """Return a schema of an organisation's registry, with all that it builds on; raises `SchemaNotFound`."""
    return await queries.written(tx, org_id, await queries.schema_for(tx, org_id, number))


__all__ = ["ERASER", "JUDGE", "SchemaNotFound", "register_version", "written_by_number"]
