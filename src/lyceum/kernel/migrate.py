"""Brings a database to this release: Alembic's one line of history, then the audited functions, then the grants.

Runs as the database's owner. The app's role owns nothing; it gets rights on rows only, and no right on the history.
"""

import hashlib
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import make_url

from lyceum.kernel.db import as_psycopg
from lyceum.kernel.history import migrations_folder
from lyceum.kernel.problems import Conflict

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

MIGRATION_LOCK = 7_201_973_414
FUNCTIONS_FILES = ("functions.sql", "functions_jobs.sql", "functions_storage.sql")


class DatabaseTooNew(Conflict):
    """The data was written by a later release."""

    code = "database_too_new"


def head_revision() -> str:
    """Return the revision this release brings a database to."""
    head = _history().get_current_head()
    if head is None:
        raise AssertionError("the package holds no migration")
    return head


def upgrade(owner_url: str, *, app_role: str) -> None:
    """Bring the database at `owner_url` to this release and let `app_role` work in it; safe to call at every start.

    Raises `DatabaseTooNew` when a later release wrote it, and what psycopg raises when it cannot be reached.
    """
    with psycopg.connect(libpq_url(owner_url), autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        state = _state(guard)
        wanted = (head_revision(), _functions_digest(app_role))
        if state == wanted:
            return
        _refuse_newer(state[0])
        _run_alembic(owner_url)
        with guard.transaction():
            guard.execute(_functions())
            _grant(guard, app_role)
            guard.execute("DELETE FROM applied_functions")
            guard.execute("INSERT INTO applied_functions (digest) VALUES (%s)", (wanted[1],))


def libpq_url(url: str) -> str:
    """Return the address as `name=value` pairs for libpq, whatever driver it named."""
    address = make_url(url)
    # not rendered as a URL again: SQLAlchemy leaves spaces in passwords as they are, and libpq refuses them
    given = {
        "host": address.host,
        "port": address.port,
        "user": address.username,
        "password": address.password,
        "dbname": address.database,
        **{name: value if isinstance(value, str) else ",".join(value) for name, value in address.query.items()},
    }
    return make_conninfo(**{name: str(value) for name, value in given.items() if value is not None})


def _state(connection: psycopg.Connection) -> tuple[str | None, str | None]:
    row = connection.execute("SELECT to_regclass('alembic_version'), to_regclass('applied_functions')").fetchone()
    if row is None or None in row:
        return None, None
    revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    digest = connection.execute("SELECT digest FROM applied_functions").fetchone()
    return revision[0] if revision else None, digest[0] if digest else None


def _refuse_newer(revision: str | None) -> None:
    known = {script.revision for script in _history().walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseTooNew(
            f"The database was written by a later release of Lyceum (its history is at {revision}); "
            "install that release or restore a backup made with this one."
        )


def _history() -> "ScriptDirectory":
    # every process imports this module for an address, and only one of them migrates
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(migrations_folder()))


def _functions_digest(app_role: str) -> str:
    return hashlib.sha256(_functions() + app_role.encode()).hexdigest()


def _functions() -> bytes:
    return b"\n".join((migrations_folder() / name).read_bytes() for name in FUNCTIONS_FILES)


def _run_alembic(owner_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    engine = create_engine(as_psycopg(owner_url), poolclass=pool.NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def _grant(connection: psycopg.Connection, app_role: str) -> None:
    role = psycopg.sql.Identifier(app_role)
    connection.execute("REVOKE ALL ON SCHEMA definer FROM PUBLIC")
    connection.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA definer FROM PUBLIC")
    for statement in (
        "GRANT USAGE ON SCHEMA public TO {}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}",
        "GRANT USAGE ON SCHEMA definer TO {}",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA definer TO {}",
        "REVOKE ALL ON alembic_version, applied_functions FROM {}",
    ):
        connection.execute(psycopg.sql.SQL(statement).format(role))
