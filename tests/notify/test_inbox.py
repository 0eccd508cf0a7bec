"""The inbox: what somebody was told, of whom, and how many they have not read."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fastapi import FastAPI

from fixtures.app import eventually, rows_of, running_worker
from fixtures.people import as_person
from fixtures.query_count import counted_queries, plans_of, rows_looked_at
from fixtures.servers import TestDatabase
from fixtures.sockets import live_socket, served_here
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.notify.jobs import HANDLERS, forget_notices
from lyceum.notify.public import JobsDied, notify_administrators
from lyceum.notify.work import ForgetNotices, LookForDeadJobs
from make.accounts import Member, make_member
from make.notices import run_failed, run_finished, tell


async def test_a_notice_is_in_the_inbox_of_whoever_was_told_and_nobody_elses(
    app: FastAPI, resources: Resources, member: Member, stranger: Member
) -> None:
    await tell(resources, member, run_finished(), member.user_id)
    async with as_person(app, member) as mine, as_person(app, stranger) as theirs:
        item = (await mine.get("/api/v1/inbox")).json()["items"][0]
        assert item["kind"] == "run_finished"
        assert item["data"]["dataset"] == "main/flights"
        assert (item["object_kind"], item["address"], item["page"]) == ("run", "1", "/runs/1")
        assert item["organisation"] == member.org_name
        assert item["read_at"] is None
        assert (await theirs.get("/api/v1/inbox")).json()["items"] == []


async def test_only_members_are_told_of_what_is_an_organisations(
    app: FastAPI, resources: Resources, database: TestDatabase, member: Member, stranger: Member
) -> None:
    colleague = make_member(database, organisation=(member.org_id, member.org_name))
    suspended = make_member(database, organisation=(member.org_id, member.org_name))
    rows_of(database, "UPDATE users SET suspended_at = now() WHERE id = %s", suspended.user_id)
    await tell(resources, member, run_finished(), stranger.user_id, colleague.user_id, suspended.user_id, new_id())
    told = rows_of(database, "SELECT user_id FROM notices WHERE org_id = %s", member.org_id)
    assert [row["user_id"] for row in told] == [colleague.user_id]


async def test_what_goes_beyond_members_names_no_organisation(
    app: FastAPI, resources: Resources, member: Member, stranger: Member
) -> None:
    await tell(resources, member, run_finished(), stranger.user_id, beyond_members=True)
    async with as_person(app, stranger) as theirs:
        item = (await theirs.get("/api/v1/inbox")).json()["items"][0]
    assert item["organisation"] is None


async def test_the_inbox_is_read_in_pages_and_what_is_unread_by_itself(
    app: FastAPI, resources: Resources, member: Member
) -> None:
    for number in range(5):
        await tell(resources, member, run_finished(run_id=str(number)))
    async with as_person(app, member) as mine:
        first = (await mine.get("/api/v1/inbox", params={"limit": 3})).json()
        rest = (await mine.get("/api/v1/inbox", params={"limit": 3, "cursor": first["next"]})).json()
        assert [item["address"] for item in first["items"] + rest["items"]] == ["4", "3", "2", "1", "0"]
        read = first["items"][1]["id"]
        await mine.post("/api/v1/inbox/read", json={"ids": [read]})
        unread = (await mine.get("/api/v1/inbox", params={"unread": True})).json()["items"]
    assert [item["address"] for item in unread] == ["4", "2", "1", "0"]


async def test_the_count_follows_at_once_though_it_is_kept(
    app: FastAPI, resources: Resources, member: Member, patient_with_valkey: None
) -> None:
    async with as_person(app, member) as mine:

        async def count() -> int:
            return int((await mine.get("/api/v1/inbox/count")).json()["unread"])

        assert await count() == 0
        for number in range(3):
            await tell(resources, member, run_finished(run_id=str(number)))
        assert await count() == 3
        newest = (await mine.get("/api/v1/inbox")).json()["items"][0]["id"]
        assert (await mine.post("/api/v1/inbox/read", json={"ids": [newest]})).json() == {"unread": 2}
        assert await count() == 2
        assert (await mine.post("/api/v1/inbox/read", json={"up_to": newest})).json() == {"unread": 0}
        assert await count() == 0


async def test_nobody_reads_for_somebody_else(
    app: FastAPI, resources: Resources, database: TestDatabase, member: Member, stranger: Member
) -> None:
    await tell(resources, member, run_finished())
    notice = rows_of(database, "SELECT id FROM notices WHERE user_id = %s", member.user_id)[0]["id"]
    async with as_person(app, stranger) as theirs:
        await theirs.post("/api/v1/inbox/read", json={"ids": [str(notice)], "up_to": str(new_id())})
    assert rows_of(database, "SELECT read_at FROM notices WHERE id = %s", notice)[0]["read_at"] is None


@pytest.mark.parametrize("path", ["/inbox", "/inbox/count", "/notification-preferences"])
async def test_without_a_person_there_is_no_inbox(app: FastAPI, anonymous: object, path: str) -> None:
    answer = await anonymous.get(f"/api/v1{path}")  # type: ignore[attr-defined]  # a client
    assert answer.status_code == 401


@pytest.fixture
async def url(hub_settings: Settings) -> AsyncIterator[str]:
    """Where the API is on a real socket."""
    async with served_here(hub_settings) as address:
        yield address


async def test_the_count_is_told_live_to_its_owner_alone(
    url: str, resources: Resources, member: Member, stranger: Member, patient_with_valkey: None
) -> None:
    async with live_socket(url, key=member.key) as mine, live_socket(url, key=stranger.key) as theirs:
        for each in (mine, theirs):
            await each.say("follow", topic="inbox")
            await each.hear_of("following")
        await tell(resources, member, run_finished())
        await tell(resources, stranger, run_failed())
        assert (await mine.hear_of("news"))["news"] == {
            "unread": 1,
            "notice": (await mine_notice(resources, member)),
            "kind": "run_finished",
        }
        assert (await theirs.hear_of("news"))["news"]["kind"] == "run_failed"


async def mine_notice(resources: Resources, member: Member) -> str:
    from sqlalchemy import select

    from lyceum.notify.models import NoticeRow

    async with transaction(resources.database, member.scope) as tx:
        return str(await tx.scalar(select(NoticeRow.id)))


async def test_a_notice_that_stands_for_many_is_one_until_it_is_read(
    app: FastAPI, resources: Resources, member: Member
) -> None:
    for reason in ("first", "second"):
        await tell(resources, member, run_failed(reason=reason), collapse_key="k")
    async with as_person(app, member) as mine:
        items = (await mine.get("/api/v1/inbox")).json()["items"]
        assert [item["data"]["reason"] for item in items] == ["second"]
        await mine.post("/api/v1/inbox/read", json={"ids": [items[0]["id"]]})
        await tell(resources, member, run_failed(reason="third"), collapse_key="k")
        assert len((await mine.get("/api/v1/inbox")).json()["items"]) == 2


async def test_nobody_is_told_of_what_was_rolled_back(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    async def fail() -> None:
        async with transaction(resources.database, member.scope) as tx:
            from lyceum.notify.public import notify

            await notify(tx, run_finished(), [member.user_id])
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert rows_of(database, "SELECT 1 FROM notices WHERE user_id = %s", member.user_id) == []


async def test_the_apps_role_can_put_a_notice_into_no_inbox_past_its_function(
    resources: Resources, member: Member, stranger: Member
) -> None:
    from sqlalchemy.exc import ProgrammingError

    from lyceum.notify.models import NoticeRow

    async def plant(user_id: object) -> None:
        async with transaction(resources.database, member.scope) as tx:
            tx.add(NoticeRow(user_id=user_id, kind="x", data={}, in_inbox=True, mail="none"))
            await tx.flush()

    for person in (member, stranger):
        with pytest.raises(ProgrammingError, match="row-level security"):
            await plant(person.user_id)


async def test_notices_are_forgotten_when_their_time_is_over(
    fresh_resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    for _ in range(4):
        await tell(fresh_resources, fresh_member, run_finished())
    ids = [row["id"] for row in rows_of(fresh_database, "SELECT id FROM notices ORDER BY id")]
    ages = [(timedelta(days=181), None), (timedelta(days=40), timedelta(days=31)), (timedelta(days=40), None)]
    for notice, (age, read) in zip(ids, ages, strict=False):
        values = (age, read, notice)
        rows_of(
            fresh_database,
            "UPDATE notices SET created_at = now() - %s, read_at = now() - %s::interval WHERE id = %s",
            *values,
        )

    class Run:
        resources = fresh_resources

    assert await forget_notices(Run(), ForgetNotices()) == {"removed": 2}  # type: ignore[arg-type]  # what it takes of a run
    assert [row["id"] for row in rows_of(fresh_database, "SELECT id FROM notices ORDER BY id")] == ids[2:]


async def test_administrators_hear_of_jobs_the_hub_failed_once_a_kind(
    fresh_resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    database = fresh_database
    rows_of(database, "UPDATE users SET instance_admin = true WHERE id = %s", fresh_member.user_id)
    rows_of(database, "INSERT INTO notice_rounds VALUES ('dead_jobs', now() - interval '1 hour')")
    dead = (
        "INSERT INTO jobs (id, org_id, kind, args, state, finished_at, error) VALUES"
        " (%s, %s, %s, '{}', 'dead', now() - interval '1 minute', %s)"
    )
    for kind, error in (
        ("train.fit_model", '{"detail": "The worker died."}'),
        ("train.fit_model", '{"detail": "The worker died.", "status": 500}'),
        ("data.read_upload", '{"detail": "No CSV.", "status": 422}'),
    ):
        rows_of(database, dead, new_id(), fresh_member.org_id, kind, error)
    async with running_worker(fresh_resources, *HANDLERS):
        from lyceum.kernel.jobs.queue import enqueue

        async with transaction(fresh_resources.database, NOBODY) as tx:
            await enqueue(tx, LookForDeadJobs())
        await eventually(lambda: rows_of(database, "SELECT 1 FROM notices"))
        async with transaction(fresh_resources.database, NOBODY) as tx:
            await enqueue(tx, LookForDeadJobs())
        await eventually(
            lambda: (
                len(rows_of(database, "SELECT 1 FROM jobs WHERE kind = 'notify.look_for_dead_jobs' AND state = 'done'"))
                == 2
            )
        )
    notices = rows_of(database, "SELECT data, org_id FROM notices")
    told = {"job_kind": "train.fit_model", "jobs": 2, "reason": "The worker died."}
    assert notices == [{"data": told, "org_id": None}]


async def test_a_notice_of_the_hub_itself_reaches_whoever_runs_it(
    fresh_resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    async with transaction(fresh_resources.database, NOBODY) as tx:
        await notify_administrators(tx, JobsDied(job_kind="x", jobs=1, reason="y"))
    assert rows_of(fresh_database, "SELECT 1 FROM notices") == []
    rows_of(fresh_database, "UPDATE users SET instance_admin = true WHERE id = %s", fresh_member.user_id)
    async with transaction(fresh_resources.database, NOBODY) as tx:
        await notify_administrators(tx, JobsDied(job_kind="x", jobs=1, reason="y"))
    assert len(rows_of(fresh_database, "SELECT 1 FROM notices")) == 1


async def test_the_count_costs_what_is_unread_and_not_what_there_is(
    fresh_app: FastAPI, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    many = (
        "INSERT INTO notices (id, user_id, kind, data, in_inbox, mail, read_at)"
        " SELECT gen_random_uuid(), %s, 'x', '{}', true, 'none', CASE WHEN n > 20 THEN now() END"
        " FROM generate_series(1, 20000) AS n"
    )
    rows_of(fresh_database, many, fresh_member.user_id)
    rows_of(fresh_database, "ANALYZE notices")
    async with as_person(fresh_app, fresh_member) as mine:
        with counted_queries(fresh_app) as queries:
            assert (await mine.get("/api/v1/inbox/count")).json()["unread"] == 20
    plans = plans_of(queries, fresh_database, fresh_member.org_id, user_id=fresh_member.user_id)
    indexes = {node.get("Index Name") for nodes in plans.values() for node in nodes}
    assert "notices_unread_idx" in indexes, plans
    looked_at = rows_looked_at(
        queries, fresh_database, fresh_member.org_id, table="notices", user_id=fresh_member.user_id
    )
    assert sum(looked_at.values()) == 20, looked_at


async def test_what_was_read_can_be_put_back(
    app: FastAPI, resources: Resources, member: Member, stranger: Member
) -> None:
    await tell(resources, member, run_finished(), member.user_id)
    async with as_person(app, member) as mine, as_person(app, stranger) as theirs:
        ids = [(await mine.get("/api/v1/inbox")).json()["items"][0]["id"]]
        assert (await mine.post("/api/v1/inbox/read", json={"ids": ids})).json()["unread"] == 0
        await theirs.post("/api/v1/inbox/unread", json={"ids": ids})
        assert (await mine.get("/api/v1/inbox/count")).json()["unread"] == 0
        assert (await mine.post("/api/v1/inbox/unread", json={"ids": ids})).json()["unread"] == 1
        assert (await mine.get("/api/v1/inbox")).json()["items"][0]["read_at"] is None


async def test_one_whose_place_is_taken_stays_read(app: FastAPI, resources: Resources, member: Member) -> None:
    await tell(resources, member, run_finished(), member.user_id, collapse_key="twice")
    async with as_person(app, member) as mine:
        ids = [(await mine.get("/api/v1/inbox")).json()["items"][0]["id"]]
        await mine.post("/api/v1/inbox/read", json={"ids": ids})
        await tell(resources, member, run_finished(), member.user_id, collapse_key="twice")
        assert (await mine.post("/api/v1/inbox/unread", json={"ids": ids})).json()["unread"] == 1
