"""Slow statements are logged with their plan and without their values, and nobody waits for that."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from fixtures.app import eventually, free_port, served, settings_for
from fixtures.servers import TestDatabase
from lyceum.kernel.db import Database, open_database
from lyceum.kernel.jobs.models import JobRow
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.statements import StatementWatch, fingerprint_of, numbered
from lyceum.kernel.telemetry import log_context, registry
from lyceum.kernel.tx import transaction
from make.accounts import Member

SLOW = text("SELECT name, pg_sleep(0.06) FROM organisations WHERE name = :name AND title <> CAST(:secret AS text)")
SECRET = "the value of somebody's secret"
LIMIT_SECONDS = 0.05


@pytest.fixture(params=["direct", "pgbouncer"])
async def watched(
    request: pytest.FixtureRequest,
    database: TestDatabase,
    pgbouncer: Callable[[TestDatabase], TestDatabase],
    tmp_path: Path,
) -> AsyncIterator[Resources]:
    """What a process holds that takes statements of a twentieth of a second for slow, by both ways."""
    more: dict[str, Any] = {"slow_query_seconds": LIMIT_SECONDS}
    if request.param == "pgbouncer":
        more |= {"database_url": pgbouncer(database).app_url, "database_direct_url": database.app_url}
    async with open_resources(settings_for(database, tmp_path, **more), process="api", subscribers={}) as opened:
        yield opened


@asynccontextmanager
async def watching(database: TestDatabase, *, engine_url: str | None = None, **options: Any) -> AsyncIterator[Database]:
    """Yield a database whose statements are watched, with these options."""
    opened = open_database(engine_url or database.app_url, pool_size=2)
    watch = StatementWatch(**({"database_url": database.app_url, "process": "test"} | options))
    watch.watch(opened.engine)
    yield opened
    await watch.close()
    await opened.close()


def said(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.message == message]


def counted(sample: str, process: str) -> float:
    return registry.get_sample_value(f"lyceum_database_{sample}", {"process": process}) or 0.0


async def test_a_slow_statement_is_logged_with_its_plan_and_without_its_values(
    watched: Resources, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    slow_before = counted("slow_statements_total", "api")
    token = log_context.set({"request_id": "slow-request"})
    async with transaction(watched.database, member.scope) as tx:
        await tx.execute(SLOW, {"name": member.org_name, "secret": SECRET})
    log_context.reset(token)
    (line,) = said(caplog, "a statement was slow")
    assert "WHERE name = %(name)s" in line["statement"]
    assert line["seconds"] >= LIMIT_SECONDS
    assert line["rows"] == 1
    assert counted("slow_statements_total", "api") == slow_before + 1
    plans = await eventually(lambda: said(caplog, "the plan of a slow statement"))
    assert [plan["fingerprint"] for plan in plans] == [line["fingerprint"]]
    assert "organisations" in plans[0]["plan"]
    assert "rows=" in plans[0]["plan"]
    everything = str([vars(record) for record in caplog.records])
    assert SECRET not in everything
    assert member.org_name not in everything


async def test_a_plan_is_asked_for_once_an_hour(
    watched: Resources, member: Member, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_slowly() -> None:
        async with transaction(watched.database, member.scope) as tx:
            await tx.execute(SLOW, {"name": member.org_name, "secret": SECRET})

    await run_slowly()
    await run_slowly()
    await eventually(lambda: said(caplog, "the plan of a slow statement"))
    assert len(said(caplog, "a statement was slow")) == 2
    monkeypatch.setattr("lyceum.kernel.statements.PLAN_EVERY_SECONDS", 0.0)
    await run_slowly()
    await eventually(lambda: len(said(caplog, "the plan of a slow statement")) == 2)


async def test_a_fast_statement_is_counted_and_not_logged(
    database: TestDatabase, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted("statement_seconds_count", "fast")
    async with (
        watching(database, process="fast", slow_seconds=30.0) as opened,
        transaction(opened, member.scope) as tx,
    ):
        await tx.execute(SLOW, {"name": member.org_name, "secret": SECRET})
    assert counted("statement_seconds_count", "fast") == before + 1
    assert said(caplog, "a statement was slow") == []


async def test_none_is_logged_when_that_is_off(
    database: TestDatabase, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(database, slow_seconds=0.0) as opened, transaction(opened, member.scope) as tx:
        await tx.execute(SLOW, {"name": member.org_name, "secret": SECRET})
    assert said(caplog, "a statement was slow") == []


async def test_a_slow_statement_that_fails_is_logged_too(
    database: TestDatabase, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(database, slow_seconds=LIMIT_SECONDS) as opened:
        async with transaction(opened, member.scope) as tx:
            await tx.execute(text("SET LOCAL statement_timeout = '60ms'"))
            with pytest.raises(DBAPIError):
                await tx.execute(text("SELECT pg_sleep(20)"))
            await tx.rollback()
        (line,) = said(caplog, "a statement was slow")
        assert (line["statement"], line["rows"]) == ("SELECT pg_sleep(20)", 0)


async def test_nobody_waits_for_a_plan(
    database: TestDatabase, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    reached, left = asyncio.Event(), asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    silent = await asyncio.start_server(never_answer, "127.0.0.1")
    url = f"postgresql://nobody@127.0.0.1:{silent.sockets[0].getsockname()[1]}/nothing?sslmode=disable"
    async with watching(database, database_url=url, slow_seconds=LIMIT_SECONDS) as opened:
        async with transaction(opened, member.scope) as tx:
            await tx.execute(SLOW, {"name": member.org_name, "secret": SECRET})
        await reached.wait()
        assert len(said(caplog, "a statement was slow")) == 1
    await left.wait()
    silent.close()
    assert said(caplog, "the plan of a slow statement") == []


async def test_a_plan_that_cannot_be_had_is_said_to_be_missing(
    database: TestDatabase, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="lyceum.kernel.statements")
    async with watching(database, engine_url=database.owner_url, slow_seconds=LIMIT_SECONDS) as opened:
        async with transaction(opened, member.scope) as tx:
            await tx.execute(text("SELECT pg_sleep(0.06) FROM alembic_version"))
        (line,) = await eventually(lambda: said(caplog, "a slow statement's plan cannot be told"))
    # the app's role, for which plans are made, may not read this one
    assert "permission denied for table alembic_version" in line["cause"]


async def test_nothing_but_the_slow_statement_is_planned(
    database: TestDatabase, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="lyceum.kernel.statements")
    async with watching(database, slow_seconds=LIMIT_SECONDS) as opened:
        async with transaction(opened, member.scope) as tx:
            await tx.execute(text("SELECT pg_sleep(0.06); SELECT nextval('jobs_number_seq')"))
            await tx.execute(SLOW, {"name": member.org_name, "secret": SECRET})
        await eventually(lambda: said(caplog, "the plan of a slow statement"))
    assert len(said(caplog, "a statement was slow")) == 2
    assert said(caplog, "a slow statement's plan cannot be told") == []


async def test_the_plan_of_a_write_is_told_and_nothing_is_written(
    watched: Resources, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    insert = text(
        "INSERT INTO jobs (id, org_id, kind, args) SELECT gen_random_uuid(), CAST(:org AS uuid), :kind, '{}'"
        " FROM (SELECT pg_sleep(0.06)) AS slowly"
    )
    async with transaction(watched.database, member.scope) as tx:
        await tx.execute(insert, {"org": member.org_id, "kind": "test.planned"})
    (plan,) = await eventually(lambda: said(caplog, "the plan of a slow statement"))
    assert plan["plan"].startswith("Insert on jobs")
    async with transaction(watched.database, member.scope) as tx:
        assert len((await tx.scalars(select(JobRow).where(JobRow.kind == "test.planned"))).all()) == 1


def test_placeholders_are_numbered_as_the_server_counts_them() -> None:
    assert numbered("a = %(a)s::UUID AND b = %(b)s AND c LIKE '%%x' AND d = %(a)s") == (
        "a = $1::UUID AND b = $2 AND c LIKE '%%x' AND d = $1"
    )


def test_a_statement_is_known_however_many_values_its_list_has() -> None:
    one = fingerprint_of("SELECT 1 WHERE id IN (%(id_1_1)s::UUID, %(id_1_2)s::UUID)")
    assert one == fingerprint_of("SELECT 1\n WHERE id IN (%(id_1_1)s::UUID, %(id_1_2)s::UUID, %(id_1_3)s::UUID)")
    assert one != fingerprint_of("SELECT 2 WHERE id IN (%(id_1_1)s::UUID, %(id_1_2)s::UUID)")


@pytest.mark.deep
def test_a_worker_answers_its_figures_where_it_is_asked_to(database: TestDatabase, tmp_path: Path) -> None:
    taken, free = consecutive_ports()
    settings = settings_for(database, tmp_path, worker_metrics_port=taken.getsockname()[1], worker_processes=2)
    with taken, served("lyceum.worker", settings):
        figures = httpx.get(f"http://127.0.0.1:{free}/metrics").text
    assert 'lyceum_database_statement_seconds_count{process="worker"}' in figures


def consecutive_ports() -> tuple[socket.socket, int]:
    """Return a socket that listens, and the port after its own, where nobody does."""
    while True:
        port = free_port()
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
            return socket.create_server(("127.0.0.1", port)), port + 1
