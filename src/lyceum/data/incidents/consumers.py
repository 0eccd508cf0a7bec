"""What was made of a dataset's versions: asked of the modules above, which `wiring.CONSUMERS` lists."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.incidents.schemas import Consumer

ConsumersOf = Callable[[AsyncSession, Collection[UUID]], Awaitable[Sequence[Consumer]]]
"""Takes the ids of versions and returns what was made of them that the person sees whom the transaction works for; a constant
number of queries, at most `CONSUMERS_MAX`."""
CONSUMERS_MAX = 100


async def consumers_of(tx: AsyncSession, asked: Sequence[ConsumersOf], version_ids: Collection[UUID]) -> list[Consumer]:
    """Return what was made of some versions, as far as the caller sees it."""
    if not version_ids:
        return []
    return [consumer for ask in asked for consumer in await ask(tx, version_ids)]
