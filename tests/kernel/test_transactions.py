"""Transactions: they commit once or not at all, work for one organisation, and leave nothing of it behind."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from fixtures.app import eventually, rows_of
from fixtures.servers import TestDatabase
from lyceum.kernel.db import (
    LOSS_OF_CLIENT,
    NOBODY,
    Database,
    NotCommitted,
    connect_directly,
    is_database_away,
    open_database,
)
from lyceum.kernel.tx import after_commit, ride_out, run_in_tx, transaction
from make.accounts import Member

SETTING = text("SELECT current_setting('lyceum.org_id', true), current_setting('lyceum.user_id', true)")
RENAME = text("UPDATE organisations SET title = :title")


async def _left_behind(database: Database) -> set[str | None]:
    """Return what the settings are outside any transaction, on the connection that comes next."""
    async with database.engine.connect() as connection:
        return set((await connection.execute(SETTING)).one())


async def _title(database: TestDatabase, member: Member) -> str:
    rows = rows_of(database, "SELECT title FROM organisations WHERE id = %s", member.org_id)
    return str(rows[0]["title"])


async def test_a_block_that_ends_commits(single: Database, member: Member, database: TestDatabase) -> None:
    async with transaction(single, member.scope) as tx:
        await tx.execute(RENAME, {"title": "new"})
    assert await _title(database, member) == "new"


async def test_a_block_that_raises_rolls_back(single: Database, member: Member, database: TestDatabase) -> None:
    async def change_and_fail() -> None:
        async with transaction(single, member.scope) as tx:
            await tx.execute(RENAME, {"title": "new"})
            raise LookupError

    with pytest.raises(LookupError):
        await change_and_fail()
    assert await _title(database, member) == member.org_name


async def test_a_swallowed_error_never_becomes_a_commit_that_did_nothing(
    single: Database, member: Member, database: TestDatabase
) -> None:
    async def swallow() -> None:
        async with transaction(single, member.scope) as tx:
            await tx.execute(RENAME, {"title": "new"})
            with pytest.raises(DBAPIError):
                await tx.execute(text("SELECT 1 / 0"))

    with pytest.raises(NotCommitted):
        await swallow()
    assert await _title(database, member) == member.org_name
    assert await _left_behind(single) <= {"", None}


async def test_what_waits_for_the_commit_runs_after_it_and_never_after_a_rollback(
    single: Database, member: Member, database: TestDatabase
) -> None:
    seen: list[str] = []

    async def look() -> None:
        seen.append(await _title(database, member))

    async def fail() -> None:
        raise RuntimeError("nobody can be told any more")

    async with transaction(single, member.scope) as tx:
        after_commit(tx, fail)
        after_commit(tx, look)
        await tx.execute(RENAME, {"title": "committed"})
        assert seen == []
    assert seen == ["committed"]

    async def roll_back() -> None:
        async with transaction(single, member.scope) as tx:
            after_commit(tx, look)
            raise LookupError

    with pytest.raises(LookupError):
        await roll_back()
    assert seen == ["committed"]


async def test_a_session_takes_no_connection_before_its_first_statement(single: Database, member: Member) -> None:
    async with transaction(single, member.scope), transaction(single, member.scope) as second:
        assert await second.scalar(text("SELECT 1")) == 1


async def test_a_tenants_setting_never_reaches_the_next_checkout(single: Database, member: Member) -> None:
    async with transaction(single, member.scope) as tx:
        assert set((await tx.execute(SETTING)).one()) == {str(member.org_id), str(member.user_id)}
    assert await _left_behind(single) <= {"", None}


async def test_nor_after_an_error(single: Database, member: Member) -> None:
    async def fail() -> None:
        async with transaction(single, member.scope) as tx:
            await tx.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await fail()
    assert await _left_behind(single) <= {"", None}


async def test_nor_after_a_cancelled_query(single: Database, member: Member, database: TestDatabase) -> None:
    async def sleep() -> None:
        async with transaction(single, member.scope) as tx:
            await tx.execute(text("SELECT pg_sleep(60)"))

    task = asyncio.create_task(sleep())
    await eventually(lambda: _sleeping(database))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _left_behind(single) <= {"", None}
    await eventually(lambda: not _sleeping(database))


async def test_nor_when_cancelled_at_any_step(single: Database, member: Member) -> None:
    """Cancelled after 0, 1, 2, … turns of the loop, from before the connection to after the commit."""

    async def work() -> None:
        async with transaction(single, member.scope) as tx:
            await tx.execute(RENAME, {"title": "x"})
            await tx.execute(text("SELECT 1"))

    for turns in range(60):
        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await _left_behind(single) <= {"", None}, f"after {turns} turns"


async def test_nor_after_a_commit_that_failed(
    fresh_database: TestDatabase, pgbouncer: Callable[[TestDatabase], TestDatabase]
) -> None:
    from make.accounts import make_member

    make_commits_fail(fresh_database, "organisations")
    member = make_member(fresh_database, organisation=_without_trigger(fresh_database))
    for url, pooled in ((fresh_database.app_url, False), (pgbouncer(fresh_database).app_url, True)):
        opened = open_database(url, pool_size=1, through_pooler=pooled)

        async def work(opened: Database = opened) -> None:
            async with transaction(opened, member.scope) as tx:
                await tx.execute(RENAME, {"title": "new"})

        with pytest.raises(IntegrityError):
            await work()
        assert await _left_behind(opened) <= {"", None}
        await opened.close()
    assert await _title(fresh_database, member) == member.org_name


async def test_a_killed_backend_is_a_lost_database_and_the_next_checkout_a_fresh_one(
    database: TestDatabase, member: Member
) -> None:
    opened = open_database(database.app_url, pool_size=4)
    pids = await asyncio.gather(*(_pid_after_a_while(opened, member) for _ in range(4)))
    assert len(set(pids)) == 4
    for pid in pids:
        rows_of(database, "SELECT pg_terminate_backend(%s)", pid, role="admin")
    with pytest.raises(DBAPIError) as lost:
        await _pid_after_a_while(opened, member)
    assert is_database_away(lost.value)
    assert member.org_name not in str(lost.value)
    for _ in range(4):
        assert await _pid_after_a_while(opened, member) not in pids
    assert await _left_behind(opened) <= {"", None}
    await opened.close()


async def test_a_backend_killed_in_a_transaction_commits_nothing(
    database: TestDatabase, single: Database, member: Member
) -> None:
    async def work() -> None:
        async with transaction(single, member.scope) as tx:
            await tx.execute(RENAME, {"title": "new"})
            pid = await tx.scalar(text("SELECT pg_backend_pid()"))
            rows_of(database, "SELECT pg_terminate_backend(%s)", pid, role="admin")
            await eventually(lambda: not rows_of(database, "SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid))

    with pytest.raises(DBAPIError) as lost:
        await work()
    assert is_database_away(lost.value)
    assert await _title(database, member) == member.org_name
    assert await _left_behind(single) <= {"", None}


async def test_errors_carry_no_values(single: Database, member: Member) -> None:
    async def fail() -> None:
        async with transaction(single, member.scope) as tx:
            await tx.execute(text("SELECT CAST(:value AS int) / 0"), {"value": 987654})

    with pytest.raises(DBAPIError) as failed:
        await fail()
    assert "987654" not in str(failed.value)


async def test_work_that_meets_a_deadlock_is_done_again(single: Database, member: Member) -> None:
    tried: list[int] = []

    async def work(tx: AsyncSession) -> str:
        tried.append(1)
        if len(tried) < 3:
            await tx.execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"))
        return "done"

    assert await run_in_tx(single, member.scope, work) == "done"
    assert len(tried) == 3


async def test_other_errors_are_raised_at_once(single: Database, member: Member) -> None:
    tried: list[int] = []

    async def work(tx: AsyncSession) -> None:
        tried.append(1)
        await tx.execute(text("SELECT 1 / 0"))

    attempts: tuple[Callable[[], Awaitable[None]], ...] = (
        lambda: run_in_tx(single, member.scope, work),
        lambda: ride_out(_once(single, member, work)),
    )
    for attempt in attempts:
        tried.clear()
        with pytest.raises(DBAPIError):
            await attempt()
        assert len(tried) == 1


async def test_a_full_pool_is_a_database_out_of_reach(
    database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.db.POOL_TIMEOUT_SECONDS", 0.05)
    opened = open_database(database.app_url, pool_size=1)

    async def ask() -> None:
        async with transaction(opened, NOBODY) as tx:
            await tx.execute(text("SELECT 1"))

    async with transaction(opened, member.scope) as tx:
        await tx.execute(text("SELECT 1"))
        with pytest.raises(Exception, match="QueuePool") as full:
            await ask()
    assert is_database_away(full.value)
    await opened.close()


def make_commits_fail(database: TestDatabase, table: str) -> None:
    """Have every change of a table fail when it is committed, and not before."""
    rows_of(
        database,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = '23514'; END $$",
    )
    rows_of(
        database,
        f"CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()",
    )


def _without_trigger(database: TestDatabase) -> tuple[UUID, str]:
    from make.accounts import make_organisation

    rows_of(database, "ALTER TABLE organisations DISABLE TRIGGER refuse")
    made = make_organisation(database)
    rows_of(database, "ALTER TABLE organisations ENABLE TRIGGER refuse")
    return made


def _once(
    database: Database, member: Member, work: Callable[[AsyncSession], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        async with transaction(database, member.scope) as tx:
            await work(tx)

    return run


def _sleeping(database: TestDatabase) -> bool:
    query = (
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%%' AND state = 'active' AND datname = %s"
    )
    return bool(rows_of(database, query, database.name, role="admin"))


async def _pid_after_a_while(database: Database, member: Member) -> int:
    async with transaction(database, member.scope) as tx:
        pid = await tx.scalar(text("SELECT pg_backend_pid() FROM pg_sleep(0.1)"))
        return int(pid)


async def test_the_server_is_asked_to_notice_when_a_client_is_gone(database: TestDatabase) -> None:
    asked = text("SELECT name FROM pg_settings WHERE source = 'session' AND name ~ '^(tcp|idle)_' ORDER BY name")
    opened = open_database(database.app_url, pool_size=1)
    async with transaction(opened, NOBODY) as tx:
        assert list(await tx.scalars(asked)) == sorted(LOSS_OF_CLIENT)
    await opened.close()
    direct = await connect_directly(database.dsn("app"))
    found = await (await direct.execute(asked.text)).fetchall()
    await direct.close()
    assert [name for (name,) in found] == sorted(LOSS_OF_CLIENT)
