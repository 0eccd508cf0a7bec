"""What a process of the hub holds while it runs: its settings and its ways to the state, opened once."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from lyceum.kernel.cache.shared import SharedCache
from lyceum.kernel.config import Settings
from lyceum.kernel.db import Database, open_database
from lyceum.kernel.disk import Disk
from lyceum.kernel.jobs.wake import WorkerWaker
from lyceum.kernel.limits.failures import Failures
from lyceum.kernel.replica import Replica
from lyceum.kernel.reporting import reported
from lyceum.kernel.security import Passwords, Sealer, Signer
from lyceum.kernel.statements import StatementWatch
from lyceum.kernel.storage import Storage, open_storage
from lyceum.kernel.valkey import ValkeyLine, valkey_client
from lyceum.kernel.written import Written

log = logging.getLogger(__name__)


class NotConfigured(RuntimeError):
    """A process was started by hand without what the supervisor would have given it."""


@dataclass(frozen=True, slots=True)
class Resources:
    """The settings, the database, the files, Valkey (None when there is none) and the signer of links.

    `sealer` seals what only the hub may read, `passwords` hashes and compares, `failures` counts wrong
    guesses; `line` asks Valkey for whoever can do without its answer, and `cache` keeps answers there.
    """

    settings: Settings
    database: Database
    storage: Storage
    disk: Disk
    valkey: Redis | None
    signer: Signer
    sealer: Sealer
    passwords: Passwords
    failures: Failures
    line: ValkeyLine
    cache: SharedCache
    replica: Replica | None = None
    """Where to read from, in a process that does."""


@asynccontextmanager
async def open_resources(
    settings: Settings,
    *,
    process: str = "errand",
    pool_size: int | None = None,
    subscribers: Mapping[str, tuple[str, ...]] | None = None,
    reads_replica: bool = False,
) -> AsyncIterator[Resources]:
    """Yield the resources of one process; nothing is connected before it is used.

    `process` says which of the hub's it is. One that publishes events says who subscribes to which; one that answers reads
    may have them go to the replica, where there is one.
    """
    if settings.database_url is None or settings.secret_key is None:
        raise NotConfigured("Set LYCEUM_DATABASE_URL and LYCEUM_SECRET_KEY, or start the hub with `lyceum up`.")
    url = settings.database_url.get_secret_value()
    direct_url = (settings.database_direct_url or settings.database_url).get_secret_value()
    secret_key = settings.secret_key.get_secret_value().encode()
    async with AsyncExitStack() as held:
        valkey = _open_valkey(settings)
        if valkey is not None:
            held.push_async_callback(valkey.aclose)
        line = ValkeyLine(valkey)
        cache = SharedCache(line, secret_key=secret_key)
        written = _open_written(settings, valkey)
        if written is not None:
            held.push_async_callback(written.close)
        statements = StatementWatch(url, process=process, slow_seconds=settings.slow_query_seconds)
        waker = WorkerWaker(direct_url)
        database = open_database(
            url,
            pool_size=pool_size or settings.database_pool_size,
            through_pooler=direct_url != url,
            wake_workers=waker.wake,
            subscribers=subscribers,
            valkey=line,
            note_written=written.note if written is not None else None,
        )
        statements.watch(database.engine)
        for close in (database.close, statements.close, waker.close, cache.close):
            held.push_async_callback(close)
        replica = _open_replica(settings, database, written) if reads_replica else None
        if replica is not None:
            statements.watch(replica.database.engine)
            await held.enter_async_context(replica.looked_at())
        await held.enter_async_context(reported(settings, process=process))
        yield Resources(
            settings=settings,
            database=database,
            storage=(storage := open_storage(settings)),
            disk=storage.disk,
            valkey=valkey,
            signer=Signer(secret_key),
            sealer=Sealer(secret_key),
            failures=Failures(),
            passwords=Passwords(memory_kib=settings.password_memory_kib),
            line=line,
            cache=cache,
            replica=replica,
        )


def _open_valkey(settings: Settings) -> Redis | None:
    if settings.valkey_url is None:
        return None
    return valkey_client(settings.valkey_url.get_secret_value())


def _open_replica(settings: Settings, primary: Database, written: Written | None) -> Replica | None:
    if written is None or settings.database_replica_url is None:
        return None
    return Replica.over(
        settings.database_replica_url.get_secret_value(),
        primary=primary,
        written=written,
        reads_at_once=settings.database_pool_size,
        through_pooler=settings.database_direct_url not in {None, settings.database_url},
    )


def _open_written(settings: Settings, valkey: Redis | None) -> Written | None:
    """Return what is told of each write, where a replica is read from."""
    if settings.database_replica_url is None:
        return None
    if valkey is None:
        log.warning("the replica is not read from: that takes Valkey, to know who wrote what")
        return None
    return Written(valkey)
