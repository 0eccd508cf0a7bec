"""`make` in a path with a space, the words for a Python that will not do, locks that fit the project."""

import os
import shutil
import subprocess
from pathlib import Path

import lock
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose set-up does nothing and whose `lyceum` says its arguments, one a line."""
    place = tmp_path / "my work"
    program = place / ".venv" / "bin" / "lyceum"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    program.chmod(0o755)
    (place / "scripts").mkdir()
    (place / "scripts" / "setup.sh").write_text("exit 0\n")
    shutil.copy(REPOSITORY / "Makefile", place)
    return place


def run(*command: str | Path, cwd: Path = REPOSITORY, **variables: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, **variables}
    # what a make around this run of the tests says to its children
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "TEST_ARGS"):
        env.pop(name, None)
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_try_args_keep_their_words(checkout: Path) -> None:
    done = run("make", "try", "TRY_ARGS='my table.csv' --target \"sale price\" --exit", cwd=checkout)
    assert done.stdout.splitlines() == ["try", "my table.csv", "--target", "sale price", "--exit"]
    assert done.stderr == ""


def test_make_alone_says_what_can_be_made() -> None:
    done = run("make")
    offered = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"try", "test", "check", "bundle", "clean"} <= set(offered)


def test_a_named_python_that_will_not_do_gets_one_sentence() -> None:
    done = run("sh", "scripts/setup.sh", "hub", PYTHON="/bin/true --version")
    assert done.returncode == 1
    assert done.stderr == (
        "PYTHON=/bin/true --version is no Python 3.11, 3.12 or 3.13: name another, or leave PYTHON out.\n"
    )


def test_a_machine_with_an_older_python_gets_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "")
    done = run("/bin/sh", "scripts/setup.sh", "hub", PATH=str(tmp_path), PYTHON="")
    assert done.returncode == 1
    assert done.stderr.startswith("Lyceum needs Python 3.11, 3.12 or 3.13 and found Python 3.9.2: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_locks_fit_the_project() -> None:
    assert lock.faults() == []


def test_a_dependency_that_is_not_locked_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "client").mkdir()
    shutil.copy(REPOSITORY / "client" / "pyproject.toml", tmp_path / "client")
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    changed = project.replace("dependencies = [", 'dependencies = [\n    "something-new",', 1)
    (tmp_path / "pyproject.toml").write_text(changed, encoding="utf-8")
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    assert [fault.partition(" is older")[0] for fault in lock.faults()] == ["locks/hub.txt", "locks/dev.txt"]
