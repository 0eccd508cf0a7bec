"""The database as the app's role sees it: one engine a process, sessions that begin inside a scope.

A transaction begins with one message that also names the organisation and user row-level security works for. The
driver is in autocommit mode, so that SQLAlchemy sends no `BEGIN` of its own: three round trips instead of four.
"""

import asyncio
import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import JSON, Connection, DateTime, MetaData, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState
from sqlalchemy.util import await_only

from lyceum.kernel.valkey import ValkeyLine

POOL_TIMEOUT_SECONDS = 10
CONNECT_TIMEOUT_SECONDS = 10
DIRECT_TIMEOUT_SECONDS = 5
_LOSS_OF_CONNECTION: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
"""So that a network that swallows everything is told as a lost connection within 20 s, not after hours."""
LOSS_OF_CLIENT = {
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
    # where an answer is under way nothing is kept alive: it is sent again and again instead
    "tcp_user_timeout": 60_000,
    # of a client that stands still while its network lives
    "idle_in_transaction_session_timeout": 300_000,
}
"""So that the server too parts with a connection whose network is gone, within a minute, and with a transaction nobody goes on
with: by its own settings it would keep the place and the locks, and with them jobs nobody else may claim, for hours."""
_ASK_TO_NOTICE = "; ".join(f"SET {name} = {value}" for name, value in LOSS_OF_CLIENT.items())
TURNS_ASIDE = 4
CONNECTIONS_ASIDE = TURNS_ASIDE + 1
"""Connections of a process that serves HTTP beside those of the requests' own transactions; one is for health alone."""
_AWAY_SQLSTATES = ("08", "57P", "53")
"""Connection exceptions, shutdown and crash of the server, and its want of resources."""

_POSITION = "SELECT pg_current_wal_insert_lsn()::text"

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")

log = logging.getLogger(__name__)


class Base(DeclarativeBase):
    """All tables. Relationships, where there are any, are `lazy="raise"`."""

    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map = {  # noqa: RUF012 SQLAlchemy reads it as a plain class attribute
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: JSONB,
        list[dict[str, Any]]: JSONB,
        JSON: JSONB,
    }


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom a transaction works: the organisation acted in and the person; row-level security reads both."""

    org_id: UUID | None = None
    user_id: UUID | None = None


NOBODY = Scope()

NoteWritten = Callable[[UUID, str | None], Awaitable[None]]
"""Takes the organisation and the position in PostgreSQL's log, None where that could not be asked for."""
AfterCommit = Callable[[], Awaitable[None]]


class NotCommitted(RuntimeError):
    """A commit after a failed statement: PostgreSQL would answer it with a rollback and no error."""


class ScopedSession(Session):
    """A session whose every transaction begins inside its scope."""


@dataclass(frozen=True, slots=True)
class Database:
    """The app's engine and what opens sessions on it."""

    engine: AsyncEngine
    wake_workers: AfterCommit
    subscribers: Mapping[str, tuple[str, ...]] | None = None
    """Who is told of which event; None in a process that publishes none."""
    valkey: ValkeyLine = field(default_factory=lambda: ValkeyLine(None))
    """Where a commit is told to caches and sockets."""
    note_written: NoteWritten | None = None
    """Told of how far an organisation has written, where a replica is read from."""
    turn_aside: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TURNS_ASIDE))
    turn_of_health: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    def session(self, scope: Scope, *, writes: bool = False) -> AsyncSession:
        """Return a session that works for `scope`; it takes a connection at its first statement.

        Of one that `writes` its `info` holds the position of its commit (`written_up_to`), where somebody is to be told.
        """
        return AsyncSession(
            self.engine,
            sync_session_class=ScopedSession,
            expire_on_commit=False,
            autoflush=False,
            info={
                "scope": scope,
                "wake_workers": self.wake_workers,
                "subscribers": self.subscribers,
                "valkey": self.valkey,
                "asks_position": writes and self.note_written is not None and scope.org_id is not None,
            },
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


async def wake_nobody() -> None:
    """Leave the workers to their poll, where nothing is there to wake them."""


def open_database(
    url: str,
    *,
    pool_size: int,
    through_pooler: bool = False,
    wake_workers: AfterCommit = wake_nobody,
    subscribers: Mapping[str, tuple[str, ...]] | None = None,
    valkey: ValkeyLine | None = None,
    note_written: NoteWritten | None = None,
    gives_up_after_seconds: float | None = None,
) -> Database:
    """Return the database at `url` (any `postgresql://` form) with a pool of `pool_size` and no overflow.

    Through a transaction pooler nothing is prepared on the server, since the next transaction may meet another one.
    Errors do not carry the values of a statement, which may be secrets or somebody's data. A server that says nothing
    any more is given up after so many seconds.
    """
    patience: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
    if gives_up_after_seconds is not None:
        patience = {
            "connect_timeout": math.ceil(gives_up_after_seconds),
            "tcp_user_timeout": int(gives_up_after_seconds * 1000),
        }
    engine = create_async_engine(
        as_psycopg(url),
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,  # by _end_transaction
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        hide_parameters=True,
        json_serializer=as_json,
        json_deserializer=orjson.loads,
        connect_args={
            "prepare_threshold": None if through_pooler else 5,
            "application_name": "lyceum",
            **_LOSS_OF_CONNECTION,
            **patience,
        },
    )
    event.listen(engine.sync_engine, "reset", _end_transaction)
    if not through_pooler:
        event.listen(engine.sync_engine, "connect", _ask_to_notice_loss)
    return Database(
        engine=engine,
        wake_workers=wake_workers,
        subscribers=subscribers,
        valkey=valkey or ValkeyLine(None),
        note_written=note_written,
    )


async def connect_directly(url: str) -> psycopg.AsyncConnection:
    """Return a connection of its own, outside the pool and any transaction, for what LISTENs and NOTIFYs; `url` is libpq's."""
    connection = await psycopg.AsyncConnection.connect(
        url, autocommit=True, connect_timeout=DIRECT_TIMEOUT_SECONDS, **_LOSS_OF_CONNECTION
    )
    try:
        await connection.execute(_ASK_TO_NOTICE.encode(), prepare=False)
    except BaseException:
        await connection.close()
        raise
    return connection


def as_json(value: Any) -> str:
    """Return JSON that PostgreSQL takes: it keeps no NUL in a text, so that one in somebody's data becomes U+FFFD."""
    plain = orjson.dumps(value, default=str).decode()
    return _NUL.sub(r"\1\\ufffd", plain) if "\\u0000" in plain else plain


async def connection_under_way(tx: AsyncSession) -> tuple[Connection, psycopg.AsyncConnection]:
    """Return the connection of a transaction, and the driver's own; the transaction begins where it has not yet."""
    session = tx.sync_session
    begun = session.info.get("begun")
    if begun is None or begun[0] is not session.get_transaction() or not session.is_active:
        # begins, or refuses to go on after what has failed
        await tx.connection()
        begun = session.info["begun"]
    return begun[1], begun[2]


def is_database_away(error: BaseException) -> bool:
    """Say whether an error is about reaching the database, and not about what was asked of it."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state.startswith(_AWAY_SQLSTATES)
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def as_psycopg(url: str) -> URL:
    """Return the address with SQLAlchemy's psycopg driver, whatever driver it named."""
    return make_url(url).set(drivername="postgresql+psycopg")


@event.listens_for(ScopedSession, "after_begin")
def _begin_in_scope(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    if transaction.nested:
        return
    raw: Any = connection.connection.driver_connection
    say_past_sqlalchemy(connection, raw, _begin_statement(session.info["scope"]), told_as="BEGIN")
    session.info["begun"] = (transaction, connection, raw)


def say_past_sqlalchemy(connection: Connection, raw: Any, message: str, *, told_as: str) -> None:
    """Send a message of one or more statements without parameters; within SQLAlchemy's own greenlet alone.

    Raises what SQLAlchemy would, with `told_as` as the statement.
    """
    try:
        await_only(raw.execute(message, prepare=False))
    except psycopg.Error as error:
        # SQLAlchemy did not send this statement, so what it does about a lost connection is done here.
        lost = raw.closed or raw.broken
        if lost:
            _leave_pool(connection)
        else:
            connection.invalidate()
        raise DBAPIError.instance(
            told_as, None, error, psycopg.Error, connection_invalidated=lost, dialect=connection.dialect
        ) from error
    except BaseException:
        connection.invalidate()
        raise


@event.listens_for(ScopedSession, "before_commit")
def _refuse_to_commit_nothing(session: Session) -> None:
    if session.in_nested_transaction():
        return
    _, _, raw = session.info.get("begun", (None, None, None))
    if raw is not None and raw.info.transaction_status == TransactionStatus.INERROR:
        raise NotCommitted("A statement of this transaction failed, so nothing of it can be committed.")


@event.listens_for(ScopedSession, "after_commit")
def _ask_position(session: Session) -> None:
    if session.in_nested_transaction():
        return
    _, _, raw = session.info.pop("begun", (None, None, None))
    if raw is None or not session.info["asks_position"]:
        return
    # known to be unknown, should this be called off
    session.info["written_up_to"] = position = None
    try:
        # the commit's own connection, which is still at hand; it is in autocommit, so this is one round trip
        row = await_only(await_only(raw.execute(_POSITION, prepare=False)).fetchone())
        position = row[0]
    except (psycopg.Error, OSError) as error:
        # what is committed is committed, whatever becomes of this
        log.warning("where a transaction was written is not known", extra={"cause": str(error)})
    session.info["written_up_to"] = position


def _ask_to_notice_loss(adapted: Any, _record: ConnectionPoolEntry) -> None:
    await_only(adapted.driver_connection.execute(_ASK_TO_NOTICE, prepare=False))


def _end_transaction(adapted: Any, _record: ConnectionPoolEntry, state: PoolResetState) -> None:
    """Roll back what a connection comes back to the pool with; one that has committed has nothing, which costs no call to say."""
    if state.asyncio_safe and adapted.driver_connection.info.transaction_status != TransactionStatus.IDLE:
        adapted.rollback()


def _leave_pool(connection: Connection) -> None:
    """Have every pooled connection of the lost one's generation replaced: what ended one has mostly ended all."""
    connection.engine.pool._invalidate(connection.connection)  # noqa: SLF001 the public form drops only one


def _begin_statement(scope: Scope) -> str:
    # Parameters cannot be bound in a message of several statements: only the text of a UUID ever stands here.
    org, user = (str(UUID(int=value.int)) if value else "" for value in (scope.org_id, scope.user_id))
    return f"BEGIN; SELECT set_config('lyceum.org_id', '{org}', true), set_config('lyceum.user_id', '{user}', true)"
