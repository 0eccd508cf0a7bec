"""What several tests of the kernel take: a database over one connection, workers as processes of their own."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from fixtures.app import environment_of
from fixtures.servers import TestDatabase, kill
from lyceum.kernel.config import Settings
from lyceum.kernel.db import Database, open_database

PROGRAM = Path(__file__).parent / "programs" / "worker.py"


@pytest.fixture(autouse=True)
def _only_the_api(no_web_app: None) -> None:
    """What no route has is answered in one way, not as the web app has it where it is built."""


@pytest.fixture(params=["direct", "pgbouncer"])
async def open_either_way(
    request: pytest.FixtureRequest, database: TestDatabase, pgbouncer: Callable[[TestDatabase], TestDatabase]
) -> AsyncIterator[Callable[[int], Database]]:
    """A function that opens the database with a pool of a size: once straight, once through the pooler."""
    pooled = request.param == "pgbouncer"
    url = pgbouncer(database).app_url if pooled else database.app_url
    async with AsyncExitStack() as opened:

        def open_with(pool_size: int) -> Database:
            reached = open_database(url, pool_size=pool_size, through_pooler=pooled)
            opened.push_async_callback(reached.close)
            return reached

        yield open_with


@pytest.fixture
def single(open_either_way: Callable[[int], Database]) -> Database:
    """The database over one connection, so that whoever comes next gets the one used before."""
    return open_either_way(1)


@pytest.fixture
def start_worker(hub_settings: Settings, tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """A function that starts a worker process whose jobs log a line each, and returns the file its log goes to."""
    started: list[subprocess.Popen[bytes]] = []
    log_file = tmp_path / "worker.log"

    def start() -> Path:
        with log_file.open("wb") as output:
            command = (sys.executable, str(PROGRAM), "--saying")
            started.append(subprocess.Popen(command, env=environment_of(hub_settings), stderr=output))
        return log_file

    yield start
    for process in started:
        kill(process, signal.SIGTERM)
        # shown by pytest with a failure
        sys.stderr.write(log_file.read_text(encoding="utf-8"))
