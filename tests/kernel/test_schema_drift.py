"""The tables as the code knows them are the tables as the migrations make them."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

import lyceum
from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.kernel import migrate
from lyceum.kernel.db import Base
from lyceum.kernel.history import migrations_folder

WITHOUT_MODEL = {
    "alembic_version",
    "applied_functions",
    "damaged_files",
    "failed_guesses",
    "hub_secrets",
    "job_figures",
    "job_usage",
    "limit_counts",
    "notice_rounds",
    "oauth_tokens",
    "prediction_log",
    "prediction_log_handed",
    "setup_links",
    "sign_on_given",
    "sign_on_given_groups",
    "sign_on_used",
}
"""Tables that only the migrations and the audited functions write."""
OF_MIGRATIONS = {"alembic_version", "applied_functions"}
"""What the migrations note of themselves."""
NAMED_ANYWAY = {
    # by the tables' owner, before anybody has an account
    ("accounts/queries.py", "setup_links"),
    ("accounts/service.py", "setup_links"),
    # under the policy of the organisation it is emptied for
    ("serve/predictions/logged.py", "prediction_log"),
    ("serve/registry/erasing.py", "prediction_log"),
    ("serve/watching/rolling.py", "prediction_log"),
}
"""Statements of the code that name one of the others all the same."""
STATEMENT = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|INTO|JOIN|TRUNCATE)\b")
SOURCE = Path(lyceum.__file__).parent
PARTITION = re.compile(r"_(\d{4}_\d{2}|default)$")
COMPARED = {
    "add_table",
    "remove_table",
    "add_column",
    "remove_column",
    "modify_type",
    "modify_nullable",
    "add_fk",
    "remove_fk",
}


def _import_all_models() -> None:
    for module in pkgutil.walk_packages(lyceum.__path__, "lyceum."):
        if module.name.endswith(".models") and "." in module.name.removeprefix("lyceum."):
            importlib.import_module(module.name)


def test_models_and_migrations_agree_on_columns_types_nulls_and_foreign_keys(database: TestDatabase) -> None:
    _import_all_models()
    engine = create_engine(database.owner_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": _differs, "include_object": _has_model})
        differences = [one for found in compare_metadata(context, Base.metadata) for one in _flat(found)]
    engine.dispose()
    found = "\n".join(str(one) for one in differences if one[0] in COMPARED)
    assert found == ""


def test_every_table_that_was_migrated_has_a_model(database: TestDatabase) -> None:
    _import_all_models()
    tables = rows_of(
        database,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition",
    )
    assert {row["relname"] for row in tables} - WITHOUT_MODEL == set(Base.metadata.tables)


def test_a_table_without_a_model_is_named_in_no_statement_of_the_code() -> None:
    """Outside the migrations they are reached by functions, which are looked at as a whole."""
    tables = "|".join(sorted(WITHOUT_MODEL - OF_MIGRATIONS))
    named = {
        (file.relative_to(SOURCE).as_posix(), table)
        for file in SOURCE.rglob("*.py")
        for statement in _statements(ast.parse(file.read_text(encoding="utf-8")))
        for table in re.findall(rf"(?<!definer\.)\b({tables})\b", statement)
    }
    assert named == NAMED_ANYWAY


def _statements(tree: ast.Module) -> Iterator[str]:
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return (string for string in strings if STATEMENT.search(string))


@pytest.mark.parametrize("has_it", [False, True])
def test_an_older_database_gets_the_index_that_once_stood_in_an_older_revision(
    empty_database: TestDatabase, *, has_it: bool
) -> None:
    index = "dataset_versions_upload_id_idx"
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    engine = create_engine(empty_database.owner_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        connection.execute(text(f"DROP INDEX IF EXISTS {index}"))
        if has_it:
            connection.execute(text(f"CREATE INDEX {index} ON dataset_versions (upload_id)"))
    engine.dispose()
    migrate.upgrade(empty_database.owner_url, app_role=empty_database.app_role)
    assert len(rows_of(empty_database, "SELECT indexname FROM pg_indexes WHERE indexname = %s", index)) == 1


def _differs(_context: Any, _column: Any, _meta: Any, inspected: Any, wanted: Any) -> bool:
    """Compare the SQL of two types; what Python calls a string is `text` in PostgreSQL, whatever its length."""
    from sqlalchemy.dialects import postgresql

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy types the class, not the call
    names = {"VARCHAR": "TEXT", "FLOAT": "DOUBLE PRECISION", "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP"}
    there, here = (names.get(text, text) for text in (inspected.compile(dialect), wanted.compile(dialect)))
    return bool(there != here)


def _has_model(_item: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:  # noqa: FBT001 called by Alembic
    return kind != "table" or (name not in WITHOUT_MODEL and not PARTITION.search(name or ""))


def _flat(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]
