"""How far a job has come: in Valkey, where losing it loses nothing; its state is in PostgreSQL."""

import logging
from dataclasses import dataclass
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

PROGRESS_SECONDS = 3600

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """`fraction` from 0 to 1, and what is being done."""

    fraction: float
    note: str


async def write_progress(valkey: Redis | None, job_id: UUID, fraction: float, note: str) -> None:
    """Remember how far the job is; without Valkey nobody sees it and the job goes on."""
    if valkey is None:
        return
    try:
        await valkey.set(_key(job_id), msgspec.json.encode(Progress(fraction, note)), ex=PROGRESS_SECONDS)
    except (RedisError, OSError):
        log.debug("progress was not written")


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
