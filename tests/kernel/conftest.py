"""Workers of tests as processes of their own."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.app import environment_of
from fixtures.servers import kill
from lyceum.kernel.config import Settings

PROGRAM = Path(__file__).parent / "programs" / "worker.py"


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
