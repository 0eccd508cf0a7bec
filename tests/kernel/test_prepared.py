"""Statements the driver sends by itself: in the same transaction, watched and failing like all the others."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Float, Integer, Text, TypeDecorator, bindparam, event, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, PendingRollbackError

from fixtures.app import eventually, rows_of
from fixtures.servers import TestDatabase
from lyceum.accounts.models import ApiKeyRow, OrganisationRow
from lyceum.kernel.db import NOBODY, Database, NotCommitted, is_database_away
from lyceum.kernel.prepared import Prepared
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

NAMED = Prepared(
    select(OrganisationRow.id, OrganisationRow.name, OrganisationRow.title).where(
        OrganisationRow.name == bindparam("name"), OrganisationRow.title != "none"
    )
)
KEYS = Prepared(select(ApiKeyRow.org_id))
RENAME = Prepared(update(OrganisationRow).values(title=bindparam("title")))
DIVIDED = Prepared(select(func.div(1, bindparam("by", type_=Integer)).label("div")))
SLEEP = Prepared(select(func.pg_sleep(bindparam("seconds", type_=Float))))
ECHO = Prepared(select(bindparam("told", type_=JSONB).label("told"), func.pg_backend_pid().label("process")))


class _Told(TypeDecorator[str]):
    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any, _dialect: Any) -> str:
        return f"told {value}"


async def test_rows_come_by_name_within_the_scope_of_their_transaction(
    single: Database, member: Member, database: TestDatabase
) -> None:
    make_member(database)
    for _ in range(7):  # by then the server has prepared it
        async with transaction(single, member.scope) as tx:
            found = await NAMED.row(tx, name=member.org_name)
            assert (found.id, found.name) == (member.org_id, member.org_name)
            assert [row.org_id for row in await KEYS.rows(tx)] == [member.org_id]
            assert await NAMED.row(tx, name="nobody") is None


async def test_what_it_writes_commits_and_rolls_back_with_the_rest(
    single: Database, member: Member, database: TestDatabase
) -> None:
    title = "SELECT title FROM organisations WHERE id = %s"
    async with transaction(single, member.scope) as tx:
        await tx.execute(text("SELECT 1"))
        assert await RENAME.run(tx, title="new") == 1
    assert rows_of(database, title, member.org_id) == [{"title": "new"}]

    async def rename_and_fail() -> None:
        async with transaction(single, member.scope) as tx:
            await RENAME.run(tx, title="newer")
            raise LookupError

    with pytest.raises(LookupError):
        await rename_and_fail()
    assert rows_of(database, title, member.org_id) == [{"title": "new"}]


@pytest.mark.parametrize("told", [{"a": [1, None]}, "text", None])
async def test_values_are_written_as_their_types_have_it(single: Database, told: Any) -> None:
    async with transaction(single, NOBODY) as tx:
        assert (await ECHO.row(tx, told=told)).told == told


@pytest.mark.parametrize("values", [{}, {"by": 1, "more": 2}, {"name": 1}])
async def test_it_takes_what_was_left_open_and_nothing_else(single: Database, values: dict[str, Any]) -> None:
    async with transaction(single, NOBODY) as tx:
        with pytest.raises(TypeError, match=r"takes \['by'\]"):
            await DIVIDED.row(tx, **values)


async def test_a_failure_is_sqlalchemys_and_nothing_is_committed_after_it(single: Database) -> None:
    async def swallow() -> None:
        async with transaction(single, NOBODY) as tx:
            with pytest.raises(DataError) as failed:
                await DIVIDED.row(tx, by=0)
            assert not is_database_away(failed.value)
            assert "[SQL: SELECT div" in str(failed.value)

    with pytest.raises(NotCommitted):
        await swallow()
    async with transaction(single, NOBODY) as tx:
        assert (await DIVIDED.row(tx, by=1)).div == 1


async def test_after_a_failed_flush_it_is_refused_and_not_sent_outside_of_any_transaction(
    single: Database, member: Member, database: TestDatabase
) -> None:
    async def swallow() -> None:
        async with transaction(single, member.scope) as tx:
            await RENAME.run(tx, title="new")
            tx.add(ApiKeyRow(id=member.key_id, org_id=member.org_id, user_id=member.user_id))
            with pytest.raises(IntegrityError):
                await tx.flush()
            await RENAME.run(tx, title="newer")

    with pytest.raises(PendingRollbackError):
        await swallow()
    title = "SELECT title FROM organisations WHERE id = %s"
    assert rows_of(database, title, member.org_id) == [{"title": member.org_name}]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(select(OrganisationRow.id).where(OrganisationRow.id.in_([1, 2])), id="a list of values"),
        pytest.param(insert(OrganisationRow).values(name=bindparam("name")), id="a default made here"),
        pytest.param(select(func.sum(OrganisationRow.id, type_=_Told())), id="a type made here"),
    ],
)
def test_what_takes_more_of_sqlalchemy_is_refused_when_it_is_made(statement: Any) -> None:
    with pytest.raises(TypeError, match="a prepared statement"):
        Prepared(statement)


async def test_a_commit_after_a_savepoint_is_refused_as_well_when_a_statement_failed(
    single: Database, member: Member
) -> None:
    async def swallow() -> None:
        async with transaction(single, member.scope) as tx:
            async with tx.begin_nested():
                await RENAME.run(tx, title="new")
            with pytest.raises(DataError):
                await DIVIDED.row(tx, by=0)

    with pytest.raises(NotCommitted):
        await swallow()


async def test_a_lost_connection_is_told_as_one_and_the_next_transaction_has_another(
    single: Database, database: TestDatabase
) -> None:
    async def lose() -> None:
        async with transaction(single, NOBODY) as tx:
            process = (await ECHO.row(tx, told=1)).process
            rows_of(database, "SELECT pg_terminate_backend(%s)", process, role="admin")
            await ECHO.row(tx, told=2)

    with pytest.raises(DBAPIError) as lost:
        await lose()
    assert is_database_away(lost.value)
    async with transaction(single, NOBODY) as tx:
        assert (await ECHO.row(tx, told=3)).told == 3


async def test_one_called_off_in_the_middle_leaves_nothing_for_the_next(
    single: Database, database: TestDatabase
) -> None:
    async def sleep() -> None:
        async with transaction(single, NOBODY) as tx:
            await SLEEP.row(tx, seconds=30)

    sleeping = asyncio.create_task(sleep())
    at_it = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND query LIKE '%%pg_sleep(%%' AND pid != pg_backend_pid()"
    )
    await eventually(lambda: rows_of(database, at_it, database.name, role="admin"))
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    async with transaction(single, NOBODY) as tx:
        assert (await ECHO.row(tx, told="awake")).told == "awake"
    assert rows_of(database, f"{at_it} AND state = 'active'", database.name, role="admin") == []
    # its process ends a moment after its connection
    await eventually(lambda: not rows_of(database, at_it, database.name, role="admin"), seconds=15)


async def test_who_watches_statements_sees_it(single: Database) -> None:
    seen: list[tuple[str, str, Any]] = []
    engine = single.engine.sync_engine

    @event.listens_for(engine, "before_cursor_execute")
    def began(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        seen.append(("began", statement, parameters))

    @event.listens_for(engine, "after_cursor_execute")
    def ended(_connection: Any, cursor: Any, statement: str, _parameters: Any, *_more: Any) -> None:
        seen.append(("ended", statement, cursor.rowcount))

    @event.listens_for(engine, "handle_error")
    def failed(context: Any) -> None:
        seen.append(("failed", context.statement, type(context.original_exception).__name__))

    async with transaction(single, NOBODY) as tx:
        await DIVIDED.row(tx, by=1)
    with pytest.raises(DataError):
        async with transaction(single, NOBODY) as tx:
            await DIVIDED.row(tx, by=0)
    assert [(what, told) for what, _, told in seen] == [
        ("began", {"div_1": 1, "by": 1}),
        ("ended", 1),
        ("began", {"div_1": 1, "by": 0}),
        ("failed", "DivisionByZero"),
    ]
    assert {statement for _, statement, _ in seen} == {seen[0][1]}
