"""`lyceum worker`: it takes what it was told to take, and is refused in one sentence where it could only do harm."""

import signal
import sys
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from fixtures.app import environment_of, eventually, job_row, rows_of, settings_for, started_when_ready
from fixtures.commands import lyceum
from fixtures.servers import TestDatabase, kill
from lyceum.hub.lock import LOCK_FILE
from lyceum.hub.prepared import current_note, leave_note
from lyceum.kernel.config import CONFIG_FILE
from lyceum.kernel.ids import new_id
from lyceum.version import VERSION
from make.accounts import Member

HUB = {"LYCEUM_DATABASE_URL": "postgresql://app@127.0.0.1:1/x", "LYCEUM_SECRET_KEY": "x" * 32}


def _put(
    database: TestDatabase, member: Member, kind: str, *, job_class: str, label: str = "", lane: str = "light"
) -> UUID:
    statement = "INSERT INTO jobs (id, org_id, kind, class, label, lane, args) VALUES (%s, %s, %s, %s, %s, %s, %s)"
    job_id = new_id()
    args = f'{{"run_id": "{new_id()}"}}' if lane == "heavy" else "{}"
    rows_of(database, statement, job_id, member.org_id, kind, job_class, label, lane, args)
    return job_id


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a hub, which keeps its files there."""
    (tmp_path / LOCK_FILE).touch()
    return tmp_path


@pytest.fixture
def prepared(fresh_database: TestDatabase) -> TestDatabase:
    """A database that this release has migrated."""
    with psycopg.connect(fresh_database.dsn("owner")) as connection:
        leave_note(connection, current_note(app_role=fresh_database.app_role, set_up=False))
    return fresh_database


@pytest.mark.deep
async def test_a_worker_takes_what_it_was_told_to_take_and_ends_when_told(
    prepared: TestDatabase, fresh_member: Member, valkey_url: str, home: Path
) -> None:
    def put(**what: str) -> UUID:
        return _put(prepared, fresh_member, **({"kind": "kernel.sweep_brief_rows"} | what))

    left = [
        put(job_class="background"),
        put(job_class="high", label="tpu"),
        put(job_class="high", kind="train.fit_model", lane="heavy"),
    ]
    taken = [put(job_class="high"), put(job_class="normal"), put(job_class="normal", label="gpu")]
    settings = settings_for(prepared, home, valkey_url=valkey_url)
    chosen = ("--classes", "high,normal", "--labels", "gpu", "--slots", "light=2,heavy=0")
    command = (sys.executable, "-m", "lyceum.cli", "worker", *chosen)
    worker = started_when_ready(command, environment_of(settings))
    try:
        await eventually(lambda: {job_row(prepared, job_id)["state"] for job_id in taken} == {"done"})
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    finally:
        kill(worker, signal.SIGKILL)
    rows = [job_row(prepared, job_id) for job_id in left]
    assert [(row["state"], row["attempt"]) for row in rows] == [("ready", 0)] * len(left)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ((), "Set LYCEUM_DATABASE_URL and LYCEUM_SECRET_KEY, here or in "),
        (("--slots", "many"), "--slots cannot be 'many'; write it like light=16,heavy=1."),
        (("--classes", "urgent"), "WORKER_CLASSES"),
    ],
)
def test_a_worker_says_what_it_lacks(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = lyceum("worker", *arguments, home=tmp_path, **(HUB if arguments else {}))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_worker_is_told_where_the_hub_has_what_it_lacks(tmp_path: Path) -> None:
    done = lyceum("worker", home=tmp_path, LYCEUM_DATABASE_URL=HUB["LYCEUM_DATABASE_URL"])
    assert done.stderr == (
        f"Set LYCEUM_SECRET_KEY, here or in {tmp_path}/lyceum.toml, to what the hub has that this worker is to serve: in its "
        "environment or its lyceum.toml, and a signing key it made for itself as `secret_key` in secrets.json in its home.\n"
    )


def test_a_worker_that_could_read_no_file_is_refused(tmp_path: Path) -> None:
    # what stands in lyceum.toml counts as what stands in the environment
    (tmp_path / CONFIG_FILE).write_text("".join(f'{name[7:].lower()} = "{value}"\n' for name, value in HUB.items()))
    done = lyceum("worker", home=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith(
        f"No hub has its files in {tmp_path}, so this worker could read none: set LYCEUM_STORAGE_URL"
    )


def test_a_worker_without_its_database_says_so(home: Path) -> None:
    done = lyceum("worker", home=home, **HUB)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("PostgreSQL cannot be reached at LYCEUM_DATABASE_URL: ")


def test_a_worker_of_another_release_is_refused(prepared: TestDatabase, home: Path) -> None:
    with psycopg.connect(prepared.dsn("owner")) as connection:
        connection.execute(
            'COMMENT ON TABLE alembic_version IS \'{"history": "another", "app_role": "x", "set_up": true}\''
        )
    done = lyceum("worker", home=home, **HUB | {"LYCEUM_DATABASE_URL": prepared.app_url})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"The hub's database was last migrated by another release of Lyceum, and this worker is of release {VERSION}: install "
        "the hub's release here, or bring the hub to this one with `lyceum upgrade` or `lyceum migrate`.\n"
    )
