"""What can be followed of jobs: one by its id, or all of the organisation."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.jobs.sharing import jobs_seen
from lyceum.kernel.jobs.news import JOB, JOBS, stream_of_job, stream_of_organisation
from lyceum.kernel.realtime.topics import TopicKind


async def _streams_of_one(tx: AsyncSession, who: Actor, topics: Collection[str]) -> Mapping[str, str]:
    if who.scopes is not None and Power.RUNS_READ not in who.scopes:
        return {}
    ids: dict[str, UUID] = {}
    for topic in topics:
        try:
            ids[topic] = UUID(topic.removeprefix(f"{JOB}/"))
        except ValueError:
            continue
    seen = await jobs_seen(tx, who, set(ids.values()))
    return {topic: stream_of_job(job_id) for topic, job_id in ids.items() if job_id in seen}


async def _streams_of_all(_tx: AsyncSession, who: Actor, topics: Collection[str]) -> Mapping[str, str]:
    if Power.RUNS_READ not in who.powers or who.org_id is None:
        return {}
    return {topic: stream_of_organisation(who.org_id) for topic in topics if topic == JOBS}


TOPICS = (TopicKind(JOB, _streams_of_one), TopicKind(JOBS, _streams_of_all))
