"""What can be followed of notify: one's own inbox."""

from collections.abc import Collection, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.kernel.realtime.topics import TopicKind
from lyceum.notify.service import stream_of

INBOX = "inbox"


async def _streams(_tx: AsyncSession, who: Actor, topics: Collection[str]) -> Mapping[str, str]:
    if who.user_id is None:
        return {}
    return {topic: stream_of(who.user_id) for topic in topics if topic == INBOX}


TOPICS = (TopicKind(INBOX, _streams),)
