"""A database that the release before wrote, with a row in every table, is brought to this one with all its rows."""

from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import sql

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.backup.tables import list_tables
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.history import migrations_folder
from make.rows import insert_row, previous_revision, tables_in_order

ROWS = 2


def key_columns_of(database: TestDatabase, table: str) -> list[str]:
    """Return the columns of a table's primary key."""
    columns = rows_of(
        database,
        """
        SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY a.attname
        """,
        table,
    )
    return [column["attname"] for column in columns]


def keys_of(database: TestDatabase, table: str, columns: list[str]) -> list[Any]:
    """Return what identifies the rows of a table, in order."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns)) if columns else sql.SQL("count(*)")
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        return sorted(connection.execute(sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(table))), key=str)


def test_rows_of_every_table_of_the_revision_before_are_there_after_the_upgrade(empty_database: TestDatabase) -> None:
    with migrate.owner_transaction(empty_database.owner_url) as connection:
        migrate.bring_to_revision(connection, previous_revision())
    tables = tables_in_order(empty_database)
    for table in tables:
        for number in range(1, ROWS + 1):
            insert_row(empty_database, table, number)
    # a migration may find another key for a table, whose rows are the same
    columns = {table: key_columns_of(empty_database, table) for table in tables}
    before = {table: keys_of(empty_database, table, columns[table]) for table in tables}
    assert all(before.values())

    migrate.upgrade(empty_database.owner_url, app_role=APP_ROLE)

    assert migrate.revision_of(empty_database.owner_url) == migrate.head_revision()
    with psycopg.connect(empty_database.dsn("owner"), autocommit=True) as owner:
        there = {table.name for table in list_tables(owner)}
    after = {table: keys_of(empty_database, table, columns[table]) for table in tables if table in there}
    assert after == {table: keys for table, keys in before.items() if table in there}


def test_every_revision_leads_to_the_head(empty_database: TestDatabase) -> None:
    history = ScriptDirectory(str(migrations_folder()))
    for script in reversed(list(history.walk_revisions())):
        with migrate.owner_transaction(empty_database.owner_url) as connection:
            migrate.bring_to_revision(connection, script.revision)
    assert rows_of(empty_database, "SELECT version_num FROM alembic_version") == [
        {"version_num": migrate.head_revision()}
    ]


@pytest.mark.parametrize("app_role", [APP_ROLE])
def test_an_upgrade_that_is_done_changes_nothing(fresh_database: TestDatabase, app_role: str) -> None:
    before = rows_of(fresh_database, "SELECT xmin::text FROM applied_functions")
    migrate.upgrade(fresh_database.owner_url, app_role=app_role)
    assert rows_of(fresh_database, "SELECT xmin::text FROM applied_functions") == before
