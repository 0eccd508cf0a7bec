"""How far a job has come: in Valkey, where losing it loses nothing; its state is in PostgreSQL."""

from dataclasses import dataclass
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lyceum.kernel.jobs.news import JobNews, stream_of_job
from lyceum.kernel.realtime.news import tell
from lyceum.kernel.valkey import ValkeyAway, ValkeyLine

PROGRESS_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Progress:
    """`fraction` from 0 to 1, and what is being done."""

    fraction: float
    note: str


async def write_progress(
    line: ValkeyLine, job_id: UUID, fraction: float, note: str, *, news: JobNews | None = None
) -> None:
    """Remember how far the job is, and tell who follows it; without Valkey nobody sees it and the job goes on.

    A worker tells it as `news`, after what is yet to be told of the job before.
    """
    progress = Progress(fraction, note)
    try:
        await line.ask(lambda valkey: valkey.set(_key(job_id), msgspec.json.encode(progress), ex=PROGRESS_SECONDS))
    except ValkeyAway:
        return
    told = (stream_of_job(job_id), msgspec.json.encode({"job": job_id, "progress": progress}))
    if news is None:
        await tell(line, [told])
    else:
        news.tell(told)


async def read_progress(valkey: Redis | None, job_id: UUID) -> Progress | None:
    """Return how far the job is, None when that is not known."""
    if valkey is None:
        return None
    try:
        found = await valkey.get(_key(job_id))
    except (RedisError, OSError):
        return None
    return msgspec.json.decode(found, type=Progress) if found else None


def _key(job_id: UUID) -> str:
    return f"job:{job_id}:progress"
