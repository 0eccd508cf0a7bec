"""The table of jobs as it grows: what has ended is forgotten in time, and in nobody's way until then."""

import asyncio

import pytest
from prometheus_client import generate_latest
from sqlalchemy import text

from fixtures.app import eventually, rows_of, running_worker
from fixtures.own_database import member, resources
from fixtures.queue import CLASSES, KINDS, fill, somebody_waits
from fixtures.servers import TestDatabase
from lyceum.kernel.db import NOBODY, open_database
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs import retention
from lyceum.kernel.jobs.figures import count_jobs
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.jobs.retention import ForgetJobs
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import transaction
from lyceum.wiring import SCHEDULES, handlers
from make.accounts import Member

__all__ = ["member", "resources"]


CLAIM = "SELECT id FROM definer.jobs_claim(:w, 4, 'light', '', '{high,normal,background}', :k, '15 s', 0)"


async def test_neither_claims_nor_figures_nor_beats_look_at_jobs_that_have_ended(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    fill(fresh_database, member, dict.fromkeys(CLASSES, 3000), state="done")
    fill(fresh_database, member, {"normal": 10})
    rows_of(fresh_database, "ANALYZE jobs")
    looked = text("SELECT seq_scan + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'jobs'")
    worker = {"w": new_id(), "k": KINDS}
    async with transaction(resources.database, NOBODY) as tx:
        claimed = await tx.execute(text(CLAIM), worker)
        ids = [row.id for row in claimed]
        worker |= {"ids": ids, "a": [1] * len(ids)}
        for statement in (
            "SELECT definer.jobs_start(:w, :ids, :a)",
            "SELECT definer.jobs_heartbeat(:w, :ids, :a, '15 s')",
            "SELECT definer.jobs_to_stop(:w)",
            "SELECT definer.jobs_overdue('15 s')",
            "SELECT definer.jobs_due()",
            "SELECT definer.jobs_depth()",
            "SELECT definer.jobs_forget('30 days', '90 days', 1000)",
        ):
            await tx.execute(text(statement), worker)
        assert len(ids) == 4
        assert await tx.scalar(looked) == 0


async def test_jobs_that_ended_long_ago_are_forgotten_the_dead_last(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FORGET_AT_ONCE", 2)
    for state in ("done", "cancelled", "dead", "ready"):
        for days in (1, 29, 31, 91):
            rows_of(
                fresh_database,
                "INSERT INTO jobs (id, org_id, kind, state, args, created_at, run_at, finished_at)"
                " SELECT gen_random_uuid(), %s, 'test.kept', %s, '{}', at, at, CASE WHEN %s THEN NULL ELSE at END"
                " FROM (SELECT now() - make_interval(days => %s) AS at) AS ended",
                member.org_id,
                state,
                state == "ready",
                days,
            )
    async with transaction(resources.database, NOBODY) as tx:
        await enqueue(tx, ForgetJobs())
    async with running_worker(resources, *retention.HANDLERS):
        query = "SELECT result FROM jobs WHERE kind = 'jobs.forget_jobs' AND state = 'done'"
        [row] = await eventually(lambda: rows_of(fresh_database, query))
    assert row["result"] == {"removed": 5}
    kept = "SELECT state, extract(day FROM now() - created_at)::int AS days FROM jobs WHERE kind = 'test.kept'"
    assert sorted((row["state"], row["days"]) for row in rows_of(fresh_database, kept)) == [
        *(("cancelled", days) for days in (1, 29)),
        *(("dead", days) for days in (1, 29, 31)),
        *(("done", days) for days in (1, 29)),
        *(("ready", days) for days in (1, 29, 31, 91)),
    ]


def test_forgetting_comes_round() -> None:
    assert ForgetJobs.kind in handlers().by_kind
    assert [schedule for schedule in SCHEDULES if isinstance(schedule.make(), ForgetJobs)]


async def test_whoever_asks_while_jobs_are_counted_reads_the_figures_of_before(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    fill(fresh_database, member, {"high": 3})
    await count_jobs(resources.database)
    shown = 'lyceum_jobs{class="high",kind="test.class_high",label="",lane="light",state="ready"} 3.0'
    owners = open_database(fresh_database.owner_url, pool_size=1)
    async with transaction(owners, NOBODY) as owner:
        await owner.execute(text("LOCK TABLE jobs"))
        counting = asyncio.create_task(count_jobs(resources.database))
        await somebody_waits(fresh_database)
        assert shown in generate_latest(registry).decode()
    await counting
    await owners.close()
