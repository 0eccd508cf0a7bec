"""`lyceum migrate`: brings a PostgreSQL that somebody else runs to this release, roles and extension included."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import errors, sql
from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.postgres import SUPPORTED_VERSIONS
from lyceum.hub.prepared import current_note, leave_note
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from lyceum.kernel.problems import Problem, first_line

PGVECTOR_MIN = (0, 8)
SCRAM_ITERATIONS = 4096
CONNECT_SECONDS_MAX = 10


@dataclass(frozen=True, slots=True)
class ManagedDatabase:
    """A database by the two addresses of it: the owner's, and the app's with another role."""

    owner_url: str
    owner: str
    app: str
    name: str
    owner_password: str = field(repr=False)
    app_password: str = field(repr=False)


def managed_database(settings: Settings) -> ManagedDatabase:
    """Return the database the settings name; raises `HubRefused` when they name none or one role for both."""
    if settings.database_url is None or settings.database_owner_url is None:
        raise HubRefused(
            "`lyceum migrate` is for a PostgreSQL of yours: set LYCEUM_DATABASE_URL (the app's role) and "
            "LYCEUM_DATABASE_OWNER_URL (the owner's); `lyceum up` migrates the embedded one by itself."
        )
    app = _parsed("LYCEUM_DATABASE_URL", settings.database_url)
    owner = _parsed("LYCEUM_DATABASE_OWNER_URL", settings.database_owner_url)
    if not app.username or not owner.username or not owner.database or app.username == owner.username:
        raise HubRefused(
            "LYCEUM_DATABASE_URL and LYCEUM_DATABASE_OWNER_URL must name the same database and two different roles: "
            "the app's role must not own the tables, or row-level security would not bind it."
        )
    return ManagedDatabase(
        owner_url=settings.database_owner_url.get_secret_value(),
        owner=owner.username,
        app=app.username,
        name=owner.database,
        owner_password=str(owner.password or ""),
        app_password=str(app.password or ""),
    )


def migrate_managed(database: ManagedDatabase) -> str:
    """Make the app's role and the extension where we may, then migrate; returns the revision it is at.

    Raises `HubRefused` with the SQL for the server's administrator where we may not, `HubFailed` when it goes wrong.
    """
    with _telling(database, "The database could not be migrated"):
        _ensure_server(database)
        migrate.upgrade(database.owner_url, app_role=database.app)
        with psycopg.connect(migrate.libpq_url(database.owner_url)) as connection:
            leave_note(connection, current_note(app_role=database.app, set_up=False))
        return migrate.head_revision()


def prepare_managed(database: ManagedDatabase) -> None:
    """Make the app's role and the extension where we may, and no table; raises what `migrate_managed` raises."""
    with _telling(database, "The database could not be prepared"):
        _ensure_server(database)


@contextmanager
def _telling(database: ManagedDatabase, what_failed: str) -> Iterator[None]:
    try:
        yield
    except (errors.InvalidPassword, errors.InvalidAuthorizationSpecification) as error:
        raise _ask_administrator(database, f"The owner {database.owner} cannot sign in ({first_line(error)})") from None
    except psycopg.OperationalError as error:
        if is_turned_away(error):
            reason = f"The owner {database.owner} cannot sign in ({first_line(error)})"
            raise _ask_administrator(database, reason) from None
        raise HubFailed(f"PostgreSQL cannot be reached at LYCEUM_DATABASE_OWNER_URL: {first_line(error)}") from None
    except (psycopg.Error, Problem) as error:
        raise HubFailed(f"{what_failed}: {first_line(error)}") from None


def is_turned_away(error: psycopg.OperationalError) -> bool:
    """Say whether a server answered and let nobody in, so that waiting for it changes nothing."""
    return any(words in str(error) for words in ("authentication failed", "does not exist"))


def roles_sql(database: ManagedDatabase) -> str:
    """Return the SQL that a superuser runs once: both roles, the database, the extension.

    Passwords stand in it as SCRAM-SHA-256 verifiers (RFC 5803), so that it can be pasted and kept.
    """
    names = {
        "owner": _identifier(database.owner),
        "app": _identifier(database.app),
        "name": _identifier(database.name),
        "owner_password": scram_verifier(database.owner_password),
        "app_password": scram_verifier(database.app_password),
    }
    return (
        "CREATE ROLE {owner} LOGIN PASSWORD '{owner_password}';\n"
        "CREATE ROLE {app} LOGIN NOBYPASSRLS PASSWORD '{app_password}';\n"
        "CREATE DATABASE {name} OWNER {owner};\n"
        "REVOKE ALL ON DATABASE {name} FROM PUBLIC;\n"
        "GRANT CONNECT ON DATABASE {name} TO {app};\n"
        "\\connect {name}\n"
        "CREATE EXTENSION IF NOT EXISTS vector;\n"
    ).format(**names)


def scram_verifier(password: str, *, salt: bytes | None = None) -> str:
    """Return what PostgreSQL stores for a password under SCRAM-SHA-256 (RFC 5802, RFC 5803)."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    client_key, server_key = (hmac.digest(salted, text, "sha256") for text in (b"Client Key", b"Server Key"))
    stored = hashlib.sha256(client_key).digest()
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server_key)]
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _parsed(variable: str, url: SecretStr) -> URL:
    try:
        return make_url(url.get_secret_value())
    except (ArgumentError, ValueError):
        raise HubRefused(f"{variable} is no address: write postgresql://role:password@host:5432/database.") from None


def _ensure_server(database: ManagedDatabase) -> None:
    with psycopg.connect(
        migrate.libpq_url(database.owner_url), connect_timeout=CONNECT_SECONDS_MAX, autocommit=True
    ) as connection:
        _refuse_version(connection)
        _ensure_app_role(connection, database)
        _ensure_vector(connection, database)


def _refuse_version(connection: psycopg.Connection) -> None:
    major = connection.info.server_version // 10_000
    if major not in SUPPORTED_VERSIONS:
        raise HubRefused(
            f"The server is PostgreSQL {major}; Lyceum works with {SUPPORTED_VERSIONS.start} to {SUPPORTED_VERSIONS.stop - 1}: "
            f"name another server in LYCEUM_DATABASE_OWNER_URL."
        )


def _ensure_app_role(connection: psycopg.Connection, database: ManagedDatabase) -> None:
    role = connection.execute(
        "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", (database.app,)
    ).fetchone()
    if role is None:
        name, verifier = sql.Identifier(database.app), sql.Literal(scram_verifier(database.app_password))
        try:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, verifier))
        except errors.InsufficientPrivilege:
            raise _ask_administrator(database, f"{database.owner} may not create the role {database.app}") from None
    elif role[0]:
        raise HubRefused(
            f"The role {database.app} of LYCEUM_DATABASE_URL passes row-level security (superuser or BYPASSRLS): "
            f"run `ALTER ROLE {_identifier(database.app)} NOSUPERUSER NOBYPASSRLS` or name another role."
        )


def _ensure_vector(connection: psycopg.Connection, database: ManagedDatabase) -> None:
    held = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    if held is None:
        try:
            connection.execute("CREATE EXTENSION vector")
        except (errors.InsufficientPrivilege, errors.FeatureNotSupported, errors.UndefinedFile) as error:
            reason = f"{database.owner} cannot create the extension pgvector ({first_line(error)})"
            raise _ask_administrator(database, reason) from None
        return
    if tuple(int(part) for part in held[0].split(".")[:2]) < PGVECTOR_MIN:
        raise HubRefused(
            f"The database has pgvector {held[0]}; Lyceum needs 0.8 or later: "
            f"run `ALTER EXTENSION vector UPDATE` as a superuser."
        )


def _ask_administrator(database: ManagedDatabase, reason: str) -> HubRefused:
    return HubRefused(
        f"{reason}: let a superuser of that server run what is missing of this, then try again.\n\n{roles_sql(database)}"
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
