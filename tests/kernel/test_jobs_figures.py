"""The queue in figures: how many jobs of which kind wait how long, and what more workers are started by."""

import re

from prometheus_client import generate_latest

from fixtures.app import rows_of
from fixtures.own_database import member, resources
from fixtures.servers import REPOSITORY, TestDatabase
from lyceum.kernel.jobs.figures import count_jobs
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import registry
from make.accounts import Member

__all__ = ["member", "resources"]

STATES = {
    "arrived": "waiting",
    "waiting": "waiting",
    "scheduled": "scheduled",
    "ready": "ready",
    "claimed": "claimed",
    "running": "running",
}


def _put(
    database: TestDatabase, member: Member, kind: str, state: str, *, lane: str = "light", label: str = ""
) -> None:
    statement = (
        "INSERT INTO jobs (id, org_id, kind, state, lane, label, args, created_at, run_at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, '{}', now() - interval '1 hour', now() - interval '1 hour')"
    )
    rows_of(database, statement, member.org_id, kind, state, lane, label)


async def test_jobs_are_counted_by_kind_and_state(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    for kind in ("test.a", "test.b", "test.b"):
        for state in (*STATES, "done", "dead", "cancelled"):
            _put(fresh_database, member, kind, state)
    await count_jobs(resources.database)
    shown = generate_latest(registry).decode()
    found = re.findall(r'lyceum_jobs{class="normal",kind="(test.+)",label="",lane="light",state="(.+)"} (.+)', shown)
    each = [("test.a", 1.0), ("test.b", 2.0)]
    counts = {(kind, state): jobs * (1 + (state == "waiting")) for kind, jobs in each for state in STATES.values()}
    assert {(kind, state): float(jobs) for kind, state, jobs in found} == counts
    oldest = re.findall(r'lyceum_jobs_oldest_seconds{.*kind="test.+} (.+)', shown)
    assert len(oldest) == len(counts)
    assert {3600 <= float(seconds) < 7200 for seconds in oldest} == {True}


def test_more_workers_are_started_by_what_those_without_a_label_have_to_compute(
    fresh_database: TestDatabase, member: Member
) -> None:
    page = (REPOSITORY / "docs" / "operations" / "jobs.md").read_text(encoding="utf-8")
    [query] = re.findall(r'^ +query: "(.+)"$', page, flags=re.MULTILINE)
    assert rows_of(fresh_database, query, role="app") == [{"coalesce": 0}]
    for state in (*STATES, "done", "dead", "cancelled"):
        _put(fresh_database, member, "train.fit_model", state, lane="heavy")
        _put(fresh_database, member, "train.fit_model", state, lane="heavy", label="gpu")
        _put(fresh_database, member, "test.light", state)
    assert rows_of(fresh_database, query, role="app") == [{"coalesce": 3}]
