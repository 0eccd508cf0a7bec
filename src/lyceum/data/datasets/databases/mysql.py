"""Reading MySQL and MariaDB: rows as the server makes them, in a transaction that can write no table, by a query that writes no file."""

import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from typing import Any

import pymysql
from pymysql.constants import CR, FIELD_TYPE
from pymysql.cursors import SSCursor

from lyceum.data.datasets.databases.batches import (
    DATE,
    FLOAT,
    INTEGER,
    MOMENT,
    MOMENT_UTC,
    TEXT,
    Fetch,
    SourceColumn,
    as_text,
)
from lyceum.data.datasets.databases.errors import DatabaseAway, DatabaseRefused
from lyceum.data.datasets.databases.locations import table_parts
from lyceum.data.datasets.databases.work import Reading
from lyceum.kernel.outward import trusted_authorities

CONNECT_SECONDS_MAX = 10
SILENCE_SECONDS = 60
_UNKNOWN_VARIABLE = 1193
_TOO_LONG = {1969, 3024}
_LOST = {2003, 2006, 2013, 2014}
_WRITES_FILE = re.compile(r"\b(?:outfile|dumpfile)\b", re.IGNORECASE)
"""What a transaction that only reads does not hinder. Wherever the word stands, since comments and quotes hide it too well."""
_INTEGERS = (
    FIELD_TYPE.TINY,
    FIELD_TYPE.SHORT,
    FIELD_TYPE.INT24,
    FIELD_TYPE.LONG,
    FIELD_TYPE.LONGLONG,
    FIELD_TYPE.YEAR,
)
_FLOATS = (FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE, FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL)


@contextmanager
def reading_mysql(work: Reading) -> Iterator[tuple[list[SourceColumn], Fetch]]:
    """Yield the columns and what fetches rows; raises `DatabaseAway`, `DatabaseRefused`."""
    with _told(work), _connected(work) as connection:
        cursor = connection.cursor(SSCursor)
        try:
            cursor.execute("SET SESSION TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET SESSION time_zone = '+00:00'")
            _limit(cursor, work.statement_seconds)
            cursor.execute("START TRANSACTION READ ONLY")
            cursor.execute(_statement(work))
            described: Sequence[Any] = cursor.description or ()
            yield [_column(each[0], each[1]) for each in described], cursor.fetchmany
        finally:
            # the driver would read what is left to its end before it lets go
            connection.hang_up()
            with suppress(pymysql.err.Error):
                cursor.close()
            # else it is closed once more when it is forgotten, and so is what it was reading
            cursor.connection = None  # type: ignore[assignment] # as the driver itself does it
            for owner in (cursor, connection):
                if (result := getattr(owner, "_result", None)) is not None:
                    result.unbuffered_active = False


class _Connection(pymysql.Connection):
    """A connection that can be given up with rows under way."""

    line: socket.socket | None = None

    def hang_up(self) -> None:
        """Have whatever is read from now on find the connection broken."""
        if self.line is not None:
            with suppress(OSError):
                self.line.shutdown(socket.SHUT_RDWR)


def _limit(session: Any, seconds: int) -> None:
    try:
        session.execute(f"SET SESSION max_execution_time = {seconds * 1000:d}")
    except pymysql.err.OperationalError as error:
        if error.args[0] != _UNKNOWN_VARIABLE:
            raise
        session.execute(f"SET SESSION max_statement_time = {seconds:d}")


def _statement(work: Reading) -> str:
    if work.table is None:
        query = work.query or ""
        if (found := _WRITES_FILE.search(query)) is not None:
            raise DatabaseRefused(f"The query has the word {found[0]}, which writes a file on the server; take it out.")
        return query
    quoted = ".".join(f"`{part.replace('`', '``')}`" for part in table_parts(work.table))
    return f"SELECT * FROM {quoted}"  # noqa: S608 names are quoted, which no parameter can do


def _column(name: str, kind: int) -> SourceColumn:
    if kind in _INTEGERS:
        return SourceColumn(name, INTEGER)
    if kind in _FLOATS:
        return SourceColumn(name, FLOAT, float)
    if kind in {FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE}:
        return SourceColumn(name, DATE, _day)
    if kind == FIELD_TYPE.DATETIME:
        return SourceColumn(name, MOMENT, _moment)
    if kind == FIELD_TYPE.TIMESTAMP:
        return SourceColumn(name, MOMENT_UTC, _moment)
    return SourceColumn(name, TEXT, as_text)


def _day(value: Any) -> date | None:
    # what is no day, such as 0000-00-00, comes as the text it is
    return value if isinstance(value, date) else None


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None


@contextmanager
def _connected(work: Reading) -> Iterator[_Connection]:
    connection = _opened(work)
    try:
        yield connection
    finally:
        if connection.line is not None:
            connection.line.close()
        connection.close()


def _opened(work: Reading) -> _Connection:
    try:
        return _opened_by(work, _tls(work))
    except pymysql.err.OperationalError as error:
        if error.args[0] != CR.CR_SSL_CONNECTION_ERROR or work.tls != "prefer":
            raise
    return _opened_by(work, None)


def _opened_by(work: Reading, tls: ssl.SSLContext | None) -> _Connection:
    connection = _Connection(
        # the name is for the certificate: the connection is made to a judged address
        host=work.host,
        port=work.port,
        user=work.user,
        password=work.password,
        database=work.database,
        charset="utf8mb4",
        local_infile=False,
        connect_timeout=CONNECT_SECONDS_MAX,
        read_timeout=work.statement_seconds + SILENCE_SECONDS,
        write_timeout=SILENCE_SECONDS,
        program_name="Lyceum",
        ssl=tls,
        ssl_disabled=tls is None,
        defer_connect=True,
    )
    reached = _reached(work)
    line = reached.dup()
    try:
        connection.connect(reached)
    except BaseException:
        line.close()
        raise
    connection.line = line
    return connection


def _reached(work: Reading) -> socket.socket:
    why: object = "its name stands for no address"
    for address in work.addresses:
        try:
            return socket.create_connection((address, work.port), timeout=CONNECT_SECONDS_MAX)
        except OSError as error:
            why = error
    raise DatabaseAway(f"{work.host} does not answer on port {work.port}: {why}.")


def _tls(work: Reading) -> ssl.SSLContext | None:
    if work.tls == "disable":
        return None
    if work.tls == "verify-full":
        return trusted_authorities()
    # encrypted, and believed: as PostgreSQL's clients do it by `prefer` and `require`
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _told(work: Reading) -> Iterator[None]:
    try:
        yield
    except pymysql.err.Error as error:
        code, *rest = error.args or (0,)
        sentence = str(rest[0] if rest else error)[:300]
        if code in _TOO_LONG:
            raise DatabaseRefused(
                f"{work.host} has not given the rows within {work.statement_seconds:,} s; ask for fewer in a query, or "
                "raise LYCEUM_SQL_IMPORT_STATEMENT_SECONDS."
            ) from None
        if code in _LOST or isinstance(error, pymysql.err.InterfaceError):
            raise DatabaseAway(f"The connection to {work.host} broke: {sentence}") from None
        raise DatabaseRefused(f"{work.host} refuses: {sentence}") from None
    except (OSError, ssl.SSLError) as broken:
        raise DatabaseAway(f"The connection to {work.host} broke: {broken}") from None
