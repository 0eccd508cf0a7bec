"""The tables of a hub as rows of text: read at one snapshot, put into tables of the same revision, compared by digests.

Everything runs as the tables' owner, with row security switched to an error: a policy that would hide rows raises.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from lyceum.backup.errors import BackupDamaged, BackupFailed
from lyceum.backup.manifest import Piece, SequenceFacts, TableFacts
from lyceum.backup.pieces import PIECE_BYTES

NOT_COPIED = ("alembic_version", "applied_functions")
"""What the migrations write themselves."""
PIECE_BYTES_MIN = PIECE_BYTES // 2
CUT_MASK = 0x3FF

_SESSION: tuple[LiteralString, ...] = (
    "SET row_security = off",
    "SET timezone = 'UTC'",
    "SET datestyle = 'ISO'",
    "SET intervalstyle = 'postgres'",
    "SET extra_float_digits = 1",
    "SET bytea_output = 'hex'",
    "SET client_encoding = 'UTF8'",
    # the same rows in the same order as at the last backup, so that pieces repeat
    "SET synchronize_seqscans = off",
    "SET statement_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
)
_OURS = """
    c.relnamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
"""
_TABLES = f"""
    SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND {_OURS}
    GROUP BY c.oid, c.relname ORDER BY c.relname
"""  # noqa: S608 our own text
_HOLDS_TABLES = f"SELECT EXISTS (SELECT FROM pg_class c WHERE c.relkind IN ('r', 'p') AND {_OURS})"  # noqa: S608 same
_IN_MONTHS = "SELECT c.relname FROM pg_class c WHERE c.relkind = 'p' AND c.relnamespace = 'public'::regnamespace"
_SEQUENCES = f"SELECT c.relname FROM pg_class c WHERE c.relkind = 'S' AND {_OURS} ORDER BY c.relname"  # noqa: S608 same
_FOREIGN_KEYS = """
    SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = 'public'::regnamespace ORDER BY 1, 2
"""
_TRIGGERS = """
    SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgenabled = 'O' AND t.tgparentid = 0 AND c.relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and the columns that are written, not computed."""

    name: str
    columns: tuple[str, ...]


def set_up_session(connection: psycopg.Connection) -> None:
    """Make a session write values the same way on every server, and raise where rows would be hidden."""
    for statement in _SESSION:
        connection.execute(statement)


def has_tables(connection: psycopg.Connection) -> bool:
    """Say whether a database holds tables, the hub's or others', beside those of extensions."""
    row = connection.execute(_HOLDS_TABLES).fetchone()
    return bool(row and row[0])


def list_tables(connection: psycopg.Connection) -> list[Table]:
    """Return the hub's tables, without those the migrations write themselves."""
    rows = connection.execute(_TABLES).fetchall()
    return [Table(name, tuple(columns)) for name, columns in rows if name not in NOT_COPIED]


def make_months(connection: psycopg.Connection) -> None:
    """Move the rows of tables in months into partitions of their own; the functions of this release are in place."""
    for (name,) in connection.execute(_IN_MONTHS).fetchall():
        connection.execute("SELECT definer.partitions_make(%s, 0)", (name,))


def list_sequences(connection: psycopg.Connection) -> tuple[SequenceFacts, ...]:
    """Return how far every sequence has counted by now, which is at least as far as any snapshot before saw."""
    names = [str(name) for (name,) in connection.execute(_SEQUENCES)]
    query = sql.SQL("SELECT last_value, is_called FROM {}")
    found = ((name, connection.execute(query.format(sql.Identifier(name))).fetchone()) for name in names)
    return tuple(SequenceFacts(name, *row) for name, row in found if row is not None)


def rows_of(connection: psycopg.Connection, table: Table) -> Iterator[bytes]:
    """Yield the table's rows as lines of COPY's text form."""
    # of a table in months COPY takes the rows of a query alone
    columns, name = _names(table.columns), sql.Identifier(table.name)
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, name)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            yield bytes(row)


def digest_of(connection: psycopg.Connection, table: Table) -> tuple[int, str]:
    """Return the number of rows and a digest of them, the same in whatever order they lie."""
    statement = sql.SQL(
        "SELECT count(*), coalesce(sum("
        "('x' || left(encode(sha256(convert_to(ROW({columns})::text, 'UTF8')), 'hex'), 16))::bit(64)::bigint::numeric"
        "), 0)::text FROM {table}"
    ).format(columns=_names(table.columns), table=sql.Identifier(table.name))
    row = connection.execute(statement).fetchone()
    assert row is not None  # noqa: S101 an aggregate has a row
    return row


def copy_table(
    connection: psycopg.Connection, table: Table, put: Callable[[bytes], "Future[Piece]"]
) -> Callable[[], TableFacts]:
    """Read a table at the connection's snapshot and have its rows put away; call what comes back for its facts."""
    row_count, digest = digest_of(connection, table)
    writing = [put(piece) for piece in in_row_pieces(rows_of(connection, table))]
    return lambda: TableFacts(
        table.name, table.columns, row_count, digest, tuple(written.result() for written in writing)
    )


def in_row_pieces(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Join rows into pieces that end where the rows themselves say so.

    Rows that go or come at one place then change the pieces there, and those behind are the same as at the last backup.
    """
    waiting = bytearray()
    for row in rows:
        waiting += row
        if len(waiting) >= PIECE_BYTES or (len(waiting) >= PIECE_BYTES_MIN and zlib.crc32(row) & CUT_MASK == 0):
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def load_tables(
    connection: psycopg.Connection,
    tables: Sequence[TableFacts],
    sequences: Sequence[SequenceFacts],
    rows: Callable[[TableFacts], Iterable[bytes]],
) -> None:
    """Put rows into the tables of the transaction the connection is in, in place of what is there, and compare them.

    Foreign keys are taken off and put on again, which checks every row; whatever order or rings they form. Raises
    `BackupDamaged` when a table is not what its facts say, and what `rows` raises.
    """
    set_up_session(connection)
    _refuse_other_tables(connection, tables)
    foreign_keys = connection.execute(_FOREIGN_KEYS).fetchall()
    triggers = connection.execute(_TRIGGERS).fetchall()
    for table, name, _ in foreign_keys:
        connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(*_identifiers(table, name)))
    for table, name in triggers:
        connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER {}").format(*_identifiers(table, name)))
    for facts in tables:
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(facts.name)))
        _fill(connection, facts, rows(facts))
    for table, name, definition in foreign_keys:
        put_on = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
        connection.execute(put_on.format(*_identifiers(table, name), sql.SQL(definition)))
    for table, name in triggers:
        connection.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER {}").format(*_identifiers(table, name)))
    for sequence in sequences:
        name = sql.Identifier(sequence.name).as_string()
        connection.execute("SELECT setval(%s::regclass, %s, %s)", (name, sequence.last_value, sequence.is_called))
    for facts in tables:
        _compare(connection, facts)


def _fill(connection: psycopg.Connection, facts: TableFacts, rows: Iterable[bytes]) -> None:
    statement = sql.SQL("COPY {} FROM STDIN").format(_columns_of(facts.name, facts.columns))
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for part in rows:
                copy.write(part)
    except psycopg.DataError as error:
        raise BackupDamaged(
            f"The rows of {facts.name} are not what PostgreSQL takes: {error.diag.message_primary}."
        ) from None


def _compare(connection: psycopg.Connection, facts: TableFacts) -> None:
    row_count, digest = digest_of(connection, Table(facts.name, facts.columns))
    if (row_count, digest) != (facts.row_count, facts.digest):
        raise BackupDamaged(
            f"The table {facts.name} came out with {row_count:,} rows that are not the {facts.row_count:,} "
            f"that were copied."
        )


def _refuse_other_tables(connection: psycopg.Connection, tables: Sequence[TableFacts]) -> None:
    here = {table.name: set(table.columns) for table in list_tables(connection)}
    there = {facts.name: set(facts.columns) for facts in tables}
    if here != there:
        differing = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
        raise BackupFailed(f"The migrations make other tables than were copied ({', '.join(differing)}).")


def _columns_of(table: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("{} ({})").format(sql.Identifier(table), _names(columns))


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _identifiers(*names: str) -> list[sql.Identifier]:
    return [sql.Identifier(name) for name in names]
