"""Which workers live: each says so in Valkey every few seconds, and one that has been silent for long is forgotten."""

import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from lyceum.kernel.valkey import ValkeyAway, ValkeyLine
from lyceum.version import VERSION

TELL_SECONDS = 5.0
FORGET_SECONDS = 3600
_KEY = "workers"


class _Said(msgspec.Struct, frozen=True):
    machine: str
    process: int
    release: str
    began_at: float
    seen_at: float
    running: dict[str, int]


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker as it last told of itself; `running` counts its jobs by lane."""

    id: UUID
    machine: str
    process: int
    release: str
    began_at: datetime
    seen_at: datetime
    running: dict[str, int]


async def tell_presence(line: ValkeyLine, worker_id: UUID, *, began_at: float, running: dict[str, int]) -> None:
    """Say that a worker lives and what it does; without Valkey nobody sees it and it goes on."""
    said = _Said(platform.node(), os.getpid(), VERSION, began_at, time.time(), running)
    try:
        await line.ask(lambda valkey: valkey.hset(_KEY, str(worker_id), msgspec.json.encode(said)))
    except ValkeyAway:
        return


async def end_presence(line: ValkeyLine, worker_id: UUID) -> None:
    """Say that a worker ends."""
    try:
        await line.ask(lambda valkey: valkey.hdel(_KEY, str(worker_id)))
    except ValkeyAway:
        return


async def list_workers(line: ValkeyLine) -> list[WorkerSeen]:
    """Return the workers of the last hour, the one heard last first; raises `ValkeyAway`."""
    said = await line.ask(lambda valkey: valkey.hgetall(_KEY))
    workers, silent = [], []
    for name, text in said.items():
        worker_id = name.decode() if isinstance(name, bytes) else name
        one = msgspec.json.decode(text, type=_Said)
        if one.seen_at < time.time() - FORGET_SECONDS:
            silent.append(worker_id)
            continue
        workers.append(
            WorkerSeen(
                id=UUID(worker_id),
                machine=one.machine,
                process=one.process,
                release=one.release,
                began_at=datetime.fromtimestamp(one.began_at, UTC),
                seen_at=datetime.fromtimestamp(one.seen_at, UTC),
                running=one.running,
            )
        )
    if silent:
        await line.ask(lambda valkey: valkey.hdel(_KEY, *silent))
    return sorted(workers, key=lambda worker: worker.seen_at, reverse=True)
