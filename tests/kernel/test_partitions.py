"""A table in months: made ahead by schedule, dropped when they are over, and nothing falls between them unseen."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.kernel import migrate, partitions
from lyceum.kernel.history import migrations_folder
from lyceum.kernel.ids import new_id
from lyceum.kernel.partitions import MonthsKept, count_fallen, keep_months
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import registry

TABLE = "prediction_log"
NOW = datetime.now(UTC)
LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
_LOGGED = (
    "INSERT INTO prediction_log (at, org_id, model_version_id, key_id, request_id, duration_microseconds, inputs, outputs)"
    " SELECT %s, %s, gen_random_uuid(), gen_random_uuid(), 'r', 1, '{}', '{}' FROM generate_series(1, %s)"
)


def month(number: int) -> datetime:
    """The first moment of the month so many after this one."""
    count = NOW.year * 12 + NOW.month - 1 + number
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)


def name_of(number: int) -> str:
    return f"{TABLE}_{month(number):%Y_%m}"


def _log(database: TestDatabase, at: datetime, rows: int = 1) -> None:
    rows_of(database, _LOGGED, at, new_id(), rows)


def _where(database: TestDatabase) -> dict[str, int]:
    """How many rows lie in which partition."""
    found = rows_of(database, f"SELECT tableoid::regclass::text AS part, count(*) FROM {TABLE} GROUP BY 1")
    return {row["part"]: row["count"] for row in found}


def _months(database: TestDatabase) -> list[str]:
    query = "SELECT inhrelid::regclass::text AS part FROM pg_inherits WHERE inhparent = 'prediction_log'::regclass"
    return sorted(row["part"] for row in rows_of(database, query))


def _old_months(database: TestDatabase) -> None:
    """Have the first partition begin with this month, as it does a month after the migration, and make two older ones."""
    this = name_of(0)
    rows_of(database, f"ALTER TABLE {TABLE} DETACH PARTITION {this}")
    for number in (-2, -1, 0):
        if number:
            rows_of(database, f"CREATE TABLE {name_of(number)} (LIKE {TABLE} INCLUDING ALL)")
        bounds = f"FROM ('{month(number).isoformat()}') TO ('{month(number + 1).isoformat()}')"
        rows_of(database, f"ALTER TABLE {TABLE} ATTACH PARTITION {name_of(number)} FOR VALUES {bounds}")


def test_what_was_logged_before_the_log_came_in_months_is_kept(empty_database: TestDatabase) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    engine = create_engine(empty_database.owner_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
    engine.dispose()
    for at in (LONG_AGO, NOW, month(1), month(2), month(40)):
        _log(empty_database, at, rows=3)
    migrate.upgrade(empty_database.owner_url, app_role=empty_database.app_role)
    where = _where(empty_database)
    assert sum(where.values()) == 15
    assert where[name_of(0)] == 6
    invalid = "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid"
    assert rows_of(empty_database, invalid) == []


async def test_months_are_made_ahead_and_rows_find_theirs(
    fresh_resources: Resources, fresh_database: TestDatabase
) -> None:
    assert _months(fresh_database) == sorted([f"{TABLE}_default", *(name_of(number) for number in range(3))])
    for number in (1, 2):
        rows_of(fresh_database, f"DROP TABLE {name_of(number)}")
    kept = await keep_months(fresh_resources.database, TABLE, before=LONG_AGO)
    assert kept == MonthsKept((name_of(1), name_of(2)), (), 0, 0)
    for number in range(3):
        _log(fresh_database, month(number), rows=number + 1)
    assert _where(fresh_database) == {name_of(0): 1, name_of(1): 2, name_of(2): 3}
    again = await keep_months(fresh_resources.database, TABLE, before=LONG_AGO)
    assert again == MonthsKept((), (), 0, 0)


async def test_rows_that_fell_beside_all_months_move_into_theirs(
    fresh_resources: Resources, fresh_database: TestDatabase
) -> None:
    rows_of(fresh_database, f"DROP TABLE {name_of(0)}")
    _log(fresh_database, NOW, rows=4)
    _log(fresh_database, month(0) - timedelta(seconds=1), rows=2)
    assert _where(fresh_database) == {f"{TABLE}_default": 6}
    kept = await keep_months(fresh_resources.database, TABLE, before=LONG_AGO)
    assert kept == MonthsKept((name_of(-1), name_of(0)), (), 0, 0)
    assert _where(fresh_database) == {name_of(0): 4, name_of(-1): 2}


async def test_rows_that_have_no_month_are_told(
    fresh_resources: Resources, fresh_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    _log(fresh_database, month(30), rows=3)
    assert (await keep_months(fresh_resources.database, TABLE, before=LONG_AGO)).fallen_rows == 3
    assert "rows fell beside the months of a table" in caplog.text
    await count_fallen(fresh_resources.database, (TABLE,))
    assert registry.get_sample_value("lyceum_partition_default_rows", {"table": TABLE}) == 3


async def test_months_that_are_over_are_dropped_and_of_the_others_what_is_too_old_is_removed(
    fresh_resources: Resources, fresh_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "FORGET_AT_ONCE", 3)
    _old_months(fresh_database)
    middle = month(-1) + timedelta(days=14)
    _log(fresh_database, month(-2), rows=5)
    _log(fresh_database, middle - timedelta(hours=1), rows=7)
    _log(fresh_database, middle, rows=2)
    _log(fresh_database, NOW, rows=1)
    kept = await keep_months(fresh_resources.database, TABLE, before=middle)
    assert kept == MonthsKept((), (name_of(-2),), 7, 0)
    assert _where(fresh_database) == {name_of(-1): 2, name_of(0): 1}
    assert name_of(-2) not in _months(fresh_database)


async def test_the_first_partition_gives_up_what_is_older_than_its_month(
    fresh_resources: Resources, fresh_database: TestDatabase
) -> None:
    _log(fresh_database, LONG_AGO, rows=3)
    kept = await keep_months(fresh_resources.database, TABLE, before=month(-3))
    assert (kept.dropped, kept.removed_rows, _where(fresh_database)) == ((), 3, {})


async def test_neither_this_month_nor_a_later_one_is_dropped_whatever_is_asked(
    fresh_resources: Resources, fresh_database: TestDatabase
) -> None:
    _log(fresh_database, NOW)
    kept = await keep_months(fresh_resources.database, TABLE, before=NOW + timedelta(days=400))
    assert (kept.dropped, kept.removed_rows) == ((), 1)
    assert len(_months(fresh_database)) == 4


async def test_months_wait_for_whoever_reads_the_table_and_nobody_waits_for_them_long(
    fresh_resources: Resources, fresh_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    _old_months(fresh_database)
    with psycopg.connect(fresh_database.dsn("owner")) as reader:
        reader.execute(f"SELECT count(*) FROM {TABLE}")
        kept = await keep_months(fresh_resources.database, TABLE, before=month(0))
        assert kept.dropped == ()
        assert "too busy for its months to be changed" in caplog.text
    kept = await keep_months(fresh_resources.database, TABLE, before=month(0))
    assert kept.dropped == (name_of(-2), name_of(-1))


@pytest.mark.parametrize(
    "call",
    [
        "partitions_make('jobs', 1)",
        "partitions_drop_one('users', now())",
        "partitions_forget('users', now(), 1)",
        "partitions_fallen('users; DROP TABLE users')",
        "partitions_make(NULL, 1)",
    ],
)
def test_the_apps_role_has_no_other_table_in_months(database: TestDatabase, call: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows_of(database, f"SELECT definer.{call}", role="app")


def test_a_partition_is_not_read_past_its_table(fresh_database: TestDatabase) -> None:
    org_id = new_id()
    rows_of(fresh_database, _LOGGED, NOW, org_id, 2)
    with psycopg.connect(fresh_database.dsn("app"), autocommit=True) as connection:
        connection.execute(f"SET lyceum.org_id = '{org_id}'")
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in (TABLE, name_of(0), name_of(1))
        ]
    assert counts == [(2,), (0,), (0,)]
