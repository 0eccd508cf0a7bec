"""PostgreSQL's clock jumps, forward and back by hours: leases end no sooner for it, and no later."""

import asyncio
import random
import runpy
import shutil
import signal
from pathlib import Path

import pytest

from fixtures.app import settings_for
from fixtures.servers import REPOSITORY, OwnServers
from fixtures.storm import load_of, workers_of
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate

WORKERS = 3
HOURS_MAX = 3
JUMPS = 20
SETTLED_SECONDS = 4.0


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_jobs_outlive_a_clock_that_is_set(own_hub_servers: OwnServers, tmp_path: Path) -> None:
    clock = _with_a_clock_of_its_own(own_hub_servers)
    database = own_hub_servers.database
    migrate.upgrade(database.owner_url, app_role=APP_ROLE)
    settings = settings_for(database, tmp_path, valkey_url=own_hub_servers.valkey.url)
    with workers_of(settings) as workers:
        for _ in range(WORKERS):
            workers.start()
        async with load_of(database, tmp_path) as load:
            for _ in range(JUMPS):
                await asyncio.sleep(random.uniform(0.5, SETTLED_SECONDS))
                _set(clock, random.uniform(-3600.0, 3600.0) * HOURS_MAX)
                if random.random() < 0.5:
                    await asyncio.to_thread(workers.end_one, signal.SIGKILL)
                    await asyncio.to_thread(workers.start)
                await load.more()


def _with_a_clock_of_its_own(servers: OwnServers) -> Path:
    """Start PostgreSQL anew with a clock that follows a file, and return that."""
    tools = runpy.run_path(str(REPOSITORY / "scripts" / "debian_tools.py"))
    try:
        library, _ = tools["find_tool"]("libfaketime")
    except tools["ToolUnavailable"] as error:
        pytest.skip(str(error))
    folder = servers.postgres.data.parent
    preloaded, clock = folder / library.name, folder / "clock"
    shutil.copy2(library, preloaded)
    for path in (preloaded, clock):
        path.touch()
        path.chmod(0o644)
    _set(clock, 0.0)
    servers.kill_postgres()
    # by a program that runs as the server's account: what the library shares between processes is its first one's
    servers.start_postgres(
        "/usr/bin/env",
        f"LD_PRELOAD={preloaded}",
        f"FAKETIME_TIMESTAMP_FILE={clock}",
        "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    )
    return clock


def _set(clock: Path, seconds: float) -> None:
    clock.write_text(f"{seconds:+.3f}\n", encoding="ascii")
