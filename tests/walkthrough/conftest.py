"""`lyceum try` as a person runs it: the command, against a served hub with a worker.

A `terminal` runs it in a process of its own; `try_here` runs it in this one, which is quicker.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fixtures.app import ServedProcess, served
from fixtures.hubs import folder
from fixtures.staffed import StaffedHub
from lyceum.cli import app
from lyceum_client import Client
from make.accounts import Member, make_member

__all__ = ["folder"]

TRY_SECONDS_MAX = 110
COMMAND = (sys.executable, "-m", "lyceum.cli", "try")


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Terminal:
    """A folder to run the command in, against one hub."""

    folder: Path
    variables: dict[str, str]

    @contextmanager
    def running(
        self, *arguments: str | Path, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, **variables: str
    ) -> "Iterator[subprocess.Popen[str]]":
        """Start the command; one that is still there at the end of the block is killed."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("LYCEUM_")}
        with subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=ours | self.variables | variables,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            # as in a terminal, Ctrl-C is not ignored, whatever started the tests
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 no threads yet
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()

    def run(self, *arguments: str | Path) -> Ended:
        with self.running(*arguments) as process:
            out, err = process.communicate(timeout=TRY_SECONDS_MAX)
        return Ended(process.returncode, out, err, self.folder)


@pytest.fixture(scope="session")
def served_hub(staffed_hub: StaffedHub) -> Iterator[ServedProcess]:
    """The staffed hub's API on a real socket; predictions are answered there too."""
    with served("lyceum.web", staffed_hub.settings) as process:
        yield process


@pytest.fixture(scope="session")
def own_member(staffed_hub: StaffedHub) -> Callable[[], Member]:
    """A function that makes an owner of a new organisation."""
    return lambda: make_member(staffed_hub.database)


@pytest.fixture
def member(own_member: Callable[[], Member]) -> Member:
    """The owner of an organisation of this test alone."""
    return own_member()


@pytest.fixture(scope="session")
def open_terminal() -> Callable[..., Terminal]:
    """A function from a folder and `LYCEUM_...` variables to a terminal."""
    return lambda place, **variables: Terminal(place, variables)


@pytest.fixture
def terminal(served_hub: ServedProcess, member: Member, tmp_path: Path) -> Terminal:
    """A terminal with the member's key in an empty folder."""
    return Terminal(tmp_path, {"LYCEUM_URL": served_hub.url, "LYCEUM_API_KEY": member.key})


@pytest.fixture
def hub(served_hub: ServedProcess, member: Member) -> Iterator[Client]:
    """A client with the member's key."""
    with Client(served_hub.url, member.key) as client:
        yield client


@pytest.fixture
def try_here(
    served_hub: ServedProcess, member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """A function that runs the command in this process, with the member's key, in an empty folder.

    Named options are `LYCEUM_...` variables.
    """
    for name in [name for name in os.environ if name.startswith("LYCEUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, **variables: str) -> Ended:
        given = {"LYCEUM_URL": served_hub.url, "LYCEUM_API_KEY": member.key} | variables
        ended = CliRunner(env=given).invoke(app, ["try", *map(str, arguments)])
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Ended(ended.exit_code, ended.stdout, ended.stderr, tmp_path)

    return run
