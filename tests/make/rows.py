"""Rows of every table as a revision has them, made from the catalogue alone: of what they say nothing is known."""

import re

import psycopg
from alembic.script import ScriptDirectory
from psycopg import sql

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.backup.tables import list_tables
from lyceum.kernel import migrate
from lyceum.kernel.history import migrations_folder

VALUES = {
    "bytea": "'\\x{n:02x}'",
    "jsonb": "'{{\"n\": {n}}}'",
    "timestamp with time zone": "now()",
    "boolean": "false",
    "uuid": "'00000000-0000-7000-8000-{n:012}'",
    "text": "'a{n}'",
}
NUMBER = "{n}"
COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, NULL) AS type, t.typelem <> 0 AND t.typcategory = 'A' AS is_list
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND a.attgenerated = ''
"""
REQUIRED = f"{COLUMNS} AND a.attnotnull AND NOT a.atthasdef"
OPTIONAL = f"{COLUMNS} AND NOT a.attnotnull"
CHECKS = "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'"


def previous_revision() -> str:
    """Return the revision before this release's."""
    history = ScriptDirectory(str(migrations_folder()))
    head = history.get_revision(migrate.head_revision())
    assert isinstance(head.down_revision, str)
    return head.down_revision


def tables_in_order(database: TestDatabase) -> list[str]:
    """Return the tables, each after those it refers to."""
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        waiting = [table.name for table in list_tables(connection)]
    needs = rows_of(
        database,
        "SELECT conrelid::regclass::text AS of, confrelid::regclass::text AS needs FROM pg_constraint WHERE contype = 'f'",
    )
    ordered: list[str] = []
    while waiting:
        free = [
            name for name in waiting if {row["needs"] for row in needs if row["of"] == name} - {name} <= set(ordered)
        ]
        assert free, f"these refer to each other in a ring: {waiting}"
        ordered += free
        waiting = [name for name in waiting if name not in free]
    return ordered


def insert_row(database: TestDatabase, table: str, number: int) -> None:
    """Insert a row that has only what every row must have; the row of the same number is what it refers to.

    A table that never has more than one row keeps that.
    """
    values = _values(database, table, REQUIRED, number)
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(values.values())
    )
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        connection.execute(statement)


def fill_optional_columns(database: TestDatabase, table: str, number: int) -> list[str]:
    """Give the columns that may be empty a value in every row of a table; return those that its checks keep empty."""
    kept_empty = []
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        for name, value in _values(database, table, OPTIONAL, number).items():
            setting = sql.SQL("UPDATE {} SET {} = {}").format(sql.Identifier(table), sql.Identifier(name), value)
            try:
                connection.execute(setting)
            except psycopg.errors.CheckViolation:
                kept_empty.append(f"{table}.{name}")
    return kept_empty


def _values(database: TestDatabase, table: str, columns: str, number: int) -> dict[str, sql.SQL]:
    """Return a value for each of a table's columns, as SQL."""
    checks = " ".join(row["text"] for row in rows_of(database, CHECKS, table))
    values: dict[str, sql.SQL] = {}
    for column in rows_of(database, columns, table):
        name = column["attname"]
        choices = re.search(rf"\b{name}(?:\)?::text\)?)? = (?:ANY \(+ARRAY\[)?'([^']+)'", checks)
        choices = choices or re.search(rf"\b{name} ~ '\^\[(a)-z\]\[a-z_\]", checks)
        form = "'{{{n}}}'" if column["is_list"] else VALUES.get(column["type"], NUMBER)
        is_share = re.search(rf"\b{name} < \(1\)", checks)
        chosen = choices[1] if choices else "0.5" if is_share else None
        values[name] = sql.SQL(f"'{chosen}'" if chosen else form.format(n=number))
    return values
