"""Taking the second factors from somebody who has lost them all; they are told by letter."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import PersonNotFound
from lyceum.accounts.events import SecurityChanged
from lyceum.kernel.db import NOBODY
from lyceum.kernel.events import publish
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

_REMOVE_ALL = text("SELECT definer.factors_remove(:person)")
_OWNER = text("SELECT user_id FROM definer.person_by_email(:email)")


async def remove_factors_of(tx: AsyncSession, user_id: UUID) -> int:
    """Remove every factor of somebody who has lost theirs; return how many. Raises `PersonNotFound`.

    Whoever calls has made sure that it is asked by whoever runs the hub.
    """
    removed = await tx.scalar(_REMOVE_ALL, {"person": user_id})
    if removed is None:
        raise PersonNotFound(f"There is nobody {user_id} on this hub.")
    await publish(tx, SecurityChanged(user_id=user_id, what="second_factors_reset"))
    return int(removed)


async def remove_factors_by_email(resources: Resources, email: str) -> int:
    """Remove every factor of whoever has an address; return how many. Raises `PersonNotFound`."""
    async with aside(resources.database, NOBODY) as tx:
        user_id = await tx.scalar(_OWNER, {"email": email})
        if user_id is None:
            raise PersonNotFound(f"Nobody on this hub has the address {email}.")
        return await remove_factors_of(tx, user_id)
