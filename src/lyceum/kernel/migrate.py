"""Brings a database to this release: Alembic's one line of history, then the audited functions, then the grants.

Runs as the database's owner. The app's role owns nothing; it gets rights on rows only, and no right on the history.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
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
    from sqlalchemy import Connection

MIGRATION_LOCK = 7_201_973_414
FUNCTIONS_FILES = (
    "functions.sql",
    "functions_jobs.sql",
    "functions_storage.sql",
    "functions_datasets.sql",
    "functions_partitions.sql",
    "functions_audit.sql",
    "functions_admin.sql",
    "functions_privacy.sql",
    "functions_identity.sql",
    "functions_tenancy.sql",
    "functions_grants.sql",
    "functions_notify.sql",
    "functions_factors.sql",
    "functions_oidc.sql",
    "functions_incidents.sql",
)
APPEND_ONLY = ("audit_log",)
"""Tables the app's role adds to and reads, and changes nothing in; their partitions it reaches through them alone."""


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

    It is one transaction: a step that fails leaves everything as it was. Raises `DatabaseTooNew` when a later release
    wrote the database, and what psycopg and SQLAlchemy raise when it cannot be reached or a step fails.
    """
    with alone(owner_url) as guard:
        state = _state(guard)
        if state == (head_revision(), _functions_digest(app_role)):
            return
        refuse_newer(state[0])
        with owner_transaction(owner_url) as connection:
            bring_to_head(connection, app_role=app_role)


@contextmanager
def alone(owner_url: str) -> Iterator[psycopg.Connection]:
    """Hold the right to change the database's tables, waiting for it; a connection in autocommit mode comes with it."""
    with psycopg.connect(libpq_url(owner_url), autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        yield guard


def revision_of(owner_url: str) -> str | None:
    """Return the revision a database is at, None for one without tables of ours."""
    with psycopg.connect(libpq_url(owner_url), autocommit=True) as connection:
        return _state(connection)[0]


@contextmanager
def owner_transaction(owner_url: str) -> "Iterator[Connection]":
    """Yield the owner's connection in a transaction that commits when the block ends and rolls back when it raises."""
    engine = create_engine(as_psycopg(owner_url), poolclass=pool.NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def bring_to_head(connection: "Connection", *, app_role: str) -> None:
    """Bring the tables, functions and rights to this release, in the connection's transaction."""
    bring_to_revision(connection, "head")
    raw = driver_connection(connection)
    raw.execute(_functions())
    _grant(raw, app_role)
    raw.execute("DELETE FROM applied_functions")
    raw.execute("INSERT INTO applied_functions (digest) VALUES (%s)", (_functions_digest(app_role),))


def bring_to_revision(connection: "Connection", revision: str) -> None:
    """Bring the tables to a revision, without functions and rights, in the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def driver_connection(connection: "Connection") -> psycopg.Connection:
    """Return psycopg's own connection under SQLAlchemy's, in the same transaction."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError("the engine was not made for psycopg")
    return raw


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


def refuse_newer(revision: str | None) -> None:
    """Raise `DatabaseTooNew` when this release does not know a revision."""
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
    for table in APPEND_ONLY:
        _let_only_add(connection, role, table)


def _let_only_add(connection: psycopg.Connection, role: psycopg.sql.Identifier, table: str) -> None:
    connection.execute(
        psycopg.sql.SQL("REVOKE UPDATE, DELETE ON {} FROM {}").format(psycopg.sql.Identifier(table), role)
    )
    parts = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
        (table,),
    )
    for (part,) in parts.fetchall():
        connection.execute(psycopg.sql.SQL("REVOKE ALL ON {} FROM {}").format(psycopg.sql.Identifier(part), role))
