"""What can be followed of incidents: that something has become of one of the organisation's."""

from collections.abc import Collection, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.incidents.timeline import INCIDENTS, stream_of
from lyceum.kernel.realtime.topics import TopicKind


async def _streams(_tx: AsyncSession, who: Actor, topics: Collection[str]) -> Mapping[str, str]:
    if Power.DATASETS_READ not in who.powers or who.org_id is None:
        return {}
    return {topic: stream_of(who.org_id) for topic in topics if topic == INCIDENTS}


TOPICS = (TopicKind(INCIDENTS, _streams),)
