"""The commands of `lyceum` beside `up`: what they print, and their exit codes."""

import base64
import json
import re
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from typer.core import TyperGroup
from typer.main import get_command

from fixtures.app import free_port
from fixtures.commands import lyceum
from fixtures.servers import REPOSITORY, PostgresForTests, TestDatabase
from lyceum.cli import app
from lyceum.hub.managed import scram_verifier
from lyceum.hub.prepared import PreparedNote, leave_note

TEXTS = ("src", "client/src", "docs", "migrations")
COMMANDS = ("up", "status", "config", "doctor", "migrate", "version", "admin")


def doctor(home: Path, **variables: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(lyceum("doctor", "--json", home=home, **variables).stdout)
    return found


def test_help_names_every_command_and_imports_nothing_heavy(tmp_path: Path) -> None:
    done = lyceum("--help", home=tmp_path)
    assert done.returncode == 0
    assert all(command in done.stdout for command in COMMANDS)
    heavy = "sqlalchemy", "pydantic", "psycopg", "fastapi", "rich.console", "asyncio"
    code = f"import sys; from lyceum import cli; print([name for name in {heavy!r} if name in sys.modules])"
    imported = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert imported.stdout.strip() == "[]"


def test_config_shows_value_source_and_meaning_and_masks_secrets(tmp_path: Path) -> None:
    (tmp_path / "lyceum.toml").write_text('log_level = "debug"\nstorage_options = {aws_secret_access_key = "s3cret"}\n')
    given = {"LYCEUM_PORT": "9000", "LYCEUM_DATABASE_URL": "postgresql://app:hunter2@db/lyceum"}
    told = lyceum("config", home=tmp_path, **given)
    assert told.returncode == 0
    assert "LYCEUM_PORT = 9000  (environment)\n    Port of the API and the web app." in told.stdout
    assert "LYCEUM_LOG_LEVEL = debug  (lyceum.toml)" in told.stdout
    assert "LYCEUM_HOST = 127.0.0.1  (default)" in told.stdout
    assert "LYCEUM_VALKEY_URL = not set  (default)" in told.stdout
    rows = {row["name"]: row for row in json.loads(lyceum("config", "--json", home=tmp_path, **given).stdout)}
    assert rows["database_url"]["value"] == "********"
    assert rows["storage_options"]["value"] == {"aws_secret_access_key": "********"}
    assert "hunter2" not in told.stdout
    assert "s3cret" not in told.stdout


def test_every_command_a_text_names_exists() -> None:
    named = [
        (f"{file.relative_to(REPOSITORY)}: {quoted}", quoted.split()[1:])
        for folder in TEXTS
        for file in sorted((REPOSITORY / folder).rglob("*"))
        if file.suffix in {".py", ".md", ".html", ".sql"}
        for quoted in re.findall(r"`(lyceum [a-z][^`]*)`", file.read_text(encoding="utf-8"))
    ]
    assert len(named) > 20
    assert [where for where, words in named if not is_command(words)] == []
    assert not is_command(["admin", "dance"])


def is_command(words: list[str]) -> bool:
    command = get_command(app)
    while words and isinstance(command, TyperGroup):
        if words[0] not in command.commands:
            return False
        command, words = command.commands[words[0]], words[1:]
    return True


@pytest.mark.deep
@pytest.mark.parametrize(
    "variables, said",
    [
        ({"LYCEUM_PORT": "eighty"}, "LYCEUM_PORT is 'eighty'"),
        ({"LYCEUM_PUBLIC_URL": "hub.example.org"}, "must start with http"),
        ({"LYCEUM_STORAGE_URL": "ftp://files"}, "must start with s3://"),
        ({"LYCEUM_VALKEY_URL": "localhost:6379"}, "must start with redis://"),
    ],
)
@pytest.mark.parametrize("command", ["up", "doctor"])
def test_a_setting_that_cannot_be_used_is_named_and_nothing_starts(
    tmp_path: Path, command: str, variables: dict[str, str], said: str
) -> None:
    done = lyceum(command, home=tmp_path / "home", **variables)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.deep
@pytest.mark.parametrize("command", [("status",), ("admin", "link"), ("admin", "key")])
def test_asking_a_hub_that_does_not_run_is_exit_code_three(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = lyceum(*command, home=tmp_path)
    assert done.returncode == 3
    assert done.stderr == f"No hub runs on the data in {tmp_path}: start it with `lyceum up`.\n"


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = lyceum("up", home=tmp_path / "file" / "home")
    assert done.returncode == 2
    assert "cannot be made (Not a directory): set LYCEUM_HOME to a folder of yours." in done.stderr


def test_doctor_says_what_is_taken_and_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = lyceum("doctor", home=tmp_path, LYCEUM_PORT=port)
        found = json.loads(lyceum("doctor", "--json", home=tmp_path, LYCEUM_PORT=port).stdout)
    by_name = {finding["name"]: finding for finding in found}
    assert by_name[f"Port {port}"]["verdict"] == "warn"
    assert "LYCEUM_PORT" in by_name[f"Port {port}"]["fix"]
    assert by_name["PostgreSQL"]["found"] == "postgres (PostgreSQL) 18.4"
    assert by_name["Sandbox"]["found"].split(":")[0] in {"tier A", "tier B", "none"}
    assert {"Python", "Kernel", "Valkey", "Disk", "Memory", "/dev/shm", "Address space"} <= by_name.keys()
    assert all(finding["fix"] for finding in found if finding["verdict"] != "ok")
    assert done.returncode == (1 if any(finding["verdict"] == "fail" for finding in found) else 0)
    assert f"Port {port}" in done.stdout


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_doctor_fails_for_an_address_of_another_machine(tmp_path: Path, host: str) -> None:
    (address,) = (row for row in doctor(tmp_path, LYCEUM_HOST=host) if row["name"] == "Address")
    assert address["verdict"] == "fail"
    assert address["found"] == f"LYCEUM_HOST={host} is no address of this machine"


def test_doctor_fails_for_a_database_that_does_not_answer(tmp_path: Path) -> None:
    done = lyceum("doctor", home=tmp_path, LYCEUM_DATABASE_URL="postgresql://app:hunter2@127.0.0.1:1/lyceum")
    assert done.returncode == 1
    assert "fail  Database" in done.stdout
    assert "hunter2" not in done.stdout


@pytest.mark.deep
def test_a_replica_of_the_embedded_database_is_refused(tmp_path: Path) -> None:
    done = lyceum("up", home=tmp_path, LYCEUM_DATABASE_REPLICA_URL="postgresql://app:hunter2@127.0.0.1:1/lyceum")
    assert done.returncode == 2
    assert "the embedded PostgreSQL has none: set LYCEUM_DATABASE_URL" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.deep
def test_migrate_needs_two_addresses_with_two_roles(tmp_path: Path, empty_database: TestDatabase) -> None:
    none = lyceum("migrate", home=tmp_path)
    same = lyceum(
        "migrate",
        home=tmp_path,
        LYCEUM_DATABASE_URL=empty_database.owner_url,
        LYCEUM_DATABASE_OWNER_URL=empty_database.owner_url,
    )
    wrong = "postgresql://app@db:port/lyceum"
    nonsense = lyceum("migrate", home=tmp_path, LYCEUM_DATABASE_URL=wrong, LYCEUM_DATABASE_OWNER_URL=wrong)
    assert [done.returncode for done in (none, same, nonsense)] == [2, 2, 2]
    assert "LYCEUM_DATABASE_OWNER_URL" in none.stderr
    assert "two different roles" in same.stderr
    assert "LYCEUM_DATABASE_URL is no address" in nonsense.stderr


def test_migrate_brings_a_managed_database_to_this_release(tmp_path: Path, empty_database: TestDatabase) -> None:
    addresses = {
        "LYCEUM_DATABASE_URL": empty_database.app_url,
        "LYCEUM_DATABASE_OWNER_URL": empty_database.owner_url,
    }
    for _ in range(2):
        done = lyceum("migrate", home=tmp_path, **addresses)
        assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(empty_database.dsn("owner")) as connection:
        assert connection.execute(
            "SELECT 'The database is at revision ' || version_num || E'.\\n' FROM alembic_version"
        ).fetchone() == (done.stdout,)


@pytest.mark.deep
def test_a_database_one_may_not_migrate_is_refused_until_it_has_the_tables_of_this_release(
    tmp_path: Path, empty_database: TestDatabase, valkey_url: str
) -> None:
    given = {
        "LYCEUM_DATABASE_URL": empty_database.app_url,
        "LYCEUM_VALKEY_URL": valkey_url,
        "LYCEUM_PORT": str(free_port()),
        "LYCEUM_PREDICT_PORT": str(free_port()),
    }

    def refused_with(missing: str) -> None:
        done = lyceum("up", home=tmp_path, **given)
        assert done.returncode == 2
        assert done.stderr == (
            f"The database of LYCEUM_DATABASE_URL {missing}: "
            "run `lyceum migrate` with LYCEUM_DATABASE_OWNER_URL set to its owner's address.\n"
        )
        (tables,) = (row for row in doctor(tmp_path, **given) if row["name"] == "Tables")
        assert (tables["verdict"], tables["found"]) == ("fail", f"the database {missing}")
        assert "`lyceum migrate` with LYCEUM_DATABASE_OWNER_URL" in tables["fix"]

    refused_with("holds no tables of Lyceum yet")
    assert lyceum("migrate", home=tmp_path, **given, LYCEUM_DATABASE_OWNER_URL=empty_database.owner_url).stderr == ""
    assert [row["verdict"] for row in doctor(tmp_path, **given) if row["name"] == "Tables"] == ["ok"]
    with psycopg.connect(empty_database.dsn("owner")) as connection:
        leave_note(connection, PreparedNote(history="older", app_role=empty_database.app_role, set_up=True))
    refused_with("was last migrated by another release of Lyceum")
    with psycopg.connect(empty_database.dsn("owner")) as connection:
        connection.execute("COMMENT ON TABLE alembic_version IS NULL")
    refused_with("was last migrated by another release of Lyceum")


@pytest.mark.deep
def test_migrate_prints_sql_that_makes_the_roles_it_may_not_make(
    tmp_path: Path, postgres_server: PostgresForTests, empty_database: TestDatabase
) -> None:
    owner, app, name = f"owner_{empty_database.name}", f"app_{empty_database.name}", f"managed_{empty_database.name}"
    address = empty_database.owner_url.split("@")[1].replace(empty_database.name, name)
    addresses = {
        "LYCEUM_DATABASE_URL": f"postgresql://{app}:app's%20password@{address}",
        "LYCEUM_DATABASE_OWNER_URL": f"postgresql://{owner}:owner's%20password@{address}",
    }
    refused = lyceum("migrate", home=tmp_path, **addresses)
    assert refused.returncode == 2
    assert f"The owner {owner} cannot sign in" in refused.stderr
    assert "password@" not in refused.stderr
    before, after = refused.stderr.partition("\n\n")[2].split(f'\\connect "{name}"\n')
    try:
        run_as_superuser(postgres_server, "postgres", before)
        run_as_superuser(postgres_server, name, after)
        done = lyceum("migrate", home=tmp_path, **addresses)
        assert (done.returncode, done.stderr) == (0, "")
        with psycopg.connect(f"postgresql://{app}:app's%20password@{address}") as connection:
            assert connection.execute("SELECT count(*) FROM organisations").fetchone() == (0,)
    finally:
        postgres_server.drop_database(name)
        for role in (app, owner):
            run_as_superuser(postgres_server, "postgres", f'DROP ROLE IF EXISTS "{role}"')


def test_migrate_refuses_a_role_that_passes_row_level_security(tmp_path: Path, empty_database: TestDatabase) -> None:
    done = lyceum(
        "migrate",
        home=tmp_path,
        LYCEUM_DATABASE_URL=empty_database.admin_url,
        LYCEUM_DATABASE_OWNER_URL=empty_database.owner_url,
    )
    assert done.returncode == 2
    assert "passes row-level security" in done.stderr


def test_a_verifier_is_what_postgresql_itself_makes_of_a_password(empty_database: TestDatabase) -> None:
    with psycopg.connect(empty_database.dsn("admin")) as connection:
        connection.execute("SET scram_iterations = 4096")
        connection.execute("CREATE ROLE verified PASSWORD 'grüße'")
        row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'verified'").fetchone()
        connection.rollback()
    assert row is not None
    salt = base64.b64decode(row[0].split(":")[1].split("$")[0])
    assert scram_verifier("grüße", salt=salt) == row[0]


def test_doctor_notices_that_bytecode_is_not_kept(tmp_path: Path) -> None:
    found = json.loads(lyceum("doctor", "--json", home=tmp_path, PYTHONPYCACHEPREFIX=str(tmp_path / "none")).stdout)
    bytecode = next(finding for finding in found if finding["name"] == "Bytecode")
    assert bytecode["verdict"] == "warn"
    assert "compileall" in bytecode["fix"]


def test_version_is_the_release(tmp_path: Path) -> None:
    assert lyceum("version", home=tmp_path).stdout == f"{version('lyceum-hub')}\n"


def run_as_superuser(server: PostgresForTests, database: str, text: str) -> None:
    with psycopg.connect(server.database(database).dsn("admin"), autocommit=True) as connection:
        for statement in filter(None, (part.strip() for part in text.split(";\n"))):
            connection.execute(sql.SQL(statement))
