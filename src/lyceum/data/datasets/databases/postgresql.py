"""Reading PostgreSQL: one cursor of the server, in a transaction that can write nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import certifi
import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.types.string import TextLoader

from lyceum.data.datasets.databases.batches import (
    BOOLEAN,
    DATE,
    FLOAT,
    INTEGER,
    MOMENT,
    MOMENT_UTC,
    TEXT,
    Fetch,
    SourceColumn,
)
from lyceum.data.datasets.databases.errors import DatabaseAway, DatabaseRefused, ValueUnusable
from lyceum.data.datasets.databases.locations import table_parts
from lyceum.data.datasets.databases.work import Reading

CONNECT_SECONDS_MAX = 10
EXACT_INTEGER_DIGITS = 18
_NUMERIC = 1700
_TYPES: dict[int, pa.DataType] = {
    16: BOOLEAN,
    20: INTEGER,
    21: INTEGER,
    23: INTEGER,
    26: INTEGER,
    700: FLOAT,
    701: FLOAT,
    1082: DATE,
    1114: MOMENT,
    1184: MOMENT_UTC,
}
"""By the number of the type; numbers of any length are looked at, and everything else comes as text."""


@contextmanager
def reading_postgresql(work: Reading) -> Iterator[tuple[list[SourceColumn], Fetch]]:
    """Yield the columns and what fetches rows; raises `DatabaseAway`, `DatabaseRefused`, `ValueUnusable`."""
    with _connected(work) as connection, _told(work):
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for name, value in (
            ("statement_timeout", f"{work.statement_seconds}s"),
            ("TimeZone", "UTC"),
            ("DateStyle", "ISO"),
        ):
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        for kind in connection.adapters.types:
            for number in (kind.oid, kind.array_oid):
                if number and number not in _TYPES and number != _NUMERIC:
                    connection.adapters.register_loader(number, TextLoader)
        with connection.cursor("lyceum_import") as cursor:
            # the driver declares a cursor by itself, in a message that takes one statement and no more
            cursor.execute(_statement(work))
            columns = [_column(each) for each in cursor.description or ()]
            yield columns, cursor.fetchmany


def _statement(work: Reading) -> sql.Composed | sql.SQL:
    if work.table is not None:
        return sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table_parts(work.table)))
    return sql.SQL(work.query or "")


def _column(described: psycopg.Column) -> SourceColumn:
    if described.type_code == _NUMERIC:
        digits = described.precision
        is_whole = described.scale == 0 and digits is not None and digits <= EXACT_INTEGER_DIGITS
        return SourceColumn(described.name, INTEGER if is_whole else FLOAT, int if is_whole else float)
    return SourceColumn(described.name, _TYPES.get(described.type_code, TEXT))


@contextmanager
def _connected(work: Reading) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
    why = ""
    for address in work.addresses:
        try:
            connection = psycopg.connect(
                # to the judged address; the name is for the certificate alone
                host=work.host,
                hostaddr=address,
                port=work.port,
                user=work.user,
                password=work.password,
                dbname=work.database,
                sslmode=work.tls,
                sslrootcert=certifi.where() if work.tls == "verify-full" else "",
                sslcertmode="disable",
                gssencmode="disable",
                passfile="",
                connect_timeout=CONNECT_SECONDS_MAX,
                application_name="Lyceum",
                client_encoding="utf8",
            )
        except psycopg.OperationalError as failed:
            if failed.sqlstate is not None or "FATAL:" in str(failed):
                raise DatabaseRefused(f"{work.host} refuses: {_sentence(failed)}") from None
            why = _sentence(failed)
            continue
        with connection:
            yield connection
            # nothing was written, and nothing has to be kept
            connection.rollback()
        return
    raise DatabaseAway(f"{work.host} does not answer on port {work.port}: {why or 'its name stands for no address'}")


@contextmanager
def _told(work: Reading) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.QueryCanceled:
        raise DatabaseRefused(
            f"{work.host} has not given the rows within {work.statement_seconds:,} s; ask for fewer in a query, or raise "
            "LYCEUM_SQL_IMPORT_STATEMENT_SECONDS."
        ) from None
    except (psycopg.DataError, UnicodeDecodeError) as unfit:
        if isinstance(unfit, psycopg.Error) and unfit.sqlstate is not None:
            raise DatabaseRefused(f"{work.host} refuses: {_sentence(unfit)}") from None
        raise ValueUnusable(
            f"{work.host} sent a value that cannot be kept: {_sentence(unfit)}; cast it to text."
        ) from None
    except (psycopg.OperationalError, psycopg.InterfaceError) as broken:
        if broken.sqlstate is not None:
            raise DatabaseRefused(f"{work.host} refuses: {_sentence(broken)}") from None
        raise DatabaseAway(f"The connection to {work.host} broke: {_sentence(broken)}") from None
    except psycopg.Error as refused:
        raise DatabaseRefused(f"{work.host} refuses: {_sentence(refused)}") from None


def _sentence(error: Exception) -> str:
    told = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    first = (told or str(error)).strip().splitlines() or [type(error).__name__]
    return first[-1][:300]
