"""What a process of the hub holds while it runs: its settings and its ways to the state, opened once."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from lyceum.kernel.cache.shared import SharedCache
from lyceum.kernel.config import Settings
from lyceum.kernel.db import Database, open_database
from lyceum.kernel.disk import Disk
from lyceum.kernel.jobs.wake import WorkerWaker
from lyceum.kernel.reporting import reported
from lyceum.kernel.security import Signer
from lyceum.kernel.statements import StatementWatch
from lyceum.kernel.storage import Storage, open_storage
from lyceum.kernel.valkey import ValkeyLine


class NotConfigured(RuntimeError):
    """A process was started by hand without what the supervisor would have given it."""


@dataclass(frozen=True, slots=True)
class Resources:
    """The settings, the database, the files, Valkey (None when there is none) and the signer of links.

    `line` asks Valkey for whoever can do without its answer, and `cache` keeps answers there.
    """

    settings: Settings
    database: Database
    storage: Storage
    disk: Disk
    valkey: Redis | None
    signer: Signer
    line: ValkeyLine
    cache: SharedCache


@asynccontextmanager
async def open_resources(
    settings: Settings,
    *,
    process: str = "errand",
    pool_size: int | None = None,
    subscribers: Mapping[str, tuple[str, ...]] | None = None,
) -> AsyncIterator[Resources]:
    """Yield the resources of one process; nothing is connected before it is used.

    `process` says which of the hub's it is. One that publishes events says who subscribes to which.
    """
    if settings.database_url is None or settings.secret_key is None:
        raise NotConfigured("Set LYCEUM_DATABASE_URL and LYCEUM_SECRET_KEY, or start the hub with `lyceum up`.")
    url = settings.database_url.get_secret_value()
    direct_url = settings.database_direct_url.get_secret_value() if settings.database_direct_url else url
    valkey = (
        Redis.from_url(
            settings.valkey_url.get_secret_value(), socket_timeout=0.25, socket_connect_timeout=0.25, max_connections=64
        )
        if settings.valkey_url
        else None
    )
    line = ValkeyLine(valkey)
    cache = SharedCache(line, secret_key=settings.secret_key.get_secret_value().encode())
    waker = WorkerWaker(direct_url)
    database = open_database(
        url,
        pool_size=pool_size or settings.database_pool_size,
        through_pooler=direct_url != url,
        wake_workers=waker.wake,
        subscribers=subscribers,
        valkey=line,
    )
    statements = StatementWatch(url, process=process, slow_seconds=settings.slow_query_seconds)
    statements.watch(database.engine)
    storage = open_storage(settings)
    try:
        async with reported(settings, process=process):
            yield Resources(
                settings=settings,
                database=database,
                storage=storage,
                disk=storage.disk,
                valkey=valkey,
                signer=Signer(settings.secret_key.get_secret_value().encode()),
                line=line,
                cache=cache,
            )
    finally:
        await cache.close()
        await waker.close()
        await statements.close()
        await database.close()
        if valkey is not None:
            await valkey.aclose()
