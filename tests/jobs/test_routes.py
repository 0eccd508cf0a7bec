"""Jobs over HTTP: looked at and called off by those of their organisation."""

import os
from uuid import UUID

import httpx
from fastapi import FastAPI

from fixtures.app import client_of, job_row, rows_of
from fixtures.job_kinds import Light
from fixtures.servers import TestDatabase
from lyceum.kernel.db import NOBODY
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.presence import end_presence, tell_presence
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.progress import write_progress
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.version import VERSION
from make.accounts import Member, make_member


async def _put(resources: Resources, member: Member) -> UUID:
    async with transaction(resources.database, member.scope) as tx:
        return await enqueue(tx, Light(note="x"))


async def test_a_job_is_seen_with_its_progress(app: FastAPI, resources: Resources, member: Member) -> None:
    job_id = await _put(resources, member)
    await write_progress(resources.line, job_id, 0.25, "reading")
    async with client_of(app, key=member.key) as client:
        job = (await client.get(f"/api/v1/jobs/{job_id}")).json()
    assert (job["kind"], job["state"], job["attempt"]) == ("test.light", "ready", 0)
    assert job["progress"] == {"fraction": 0.25, "note": "reading"}


async def test_a_claimed_job_still_waits_for_its_owner(
    app: FastAPI, resources: Resources, member: Member, database: TestDatabase
) -> None:
    job_id = await _put(resources, member)
    rows_of(database, "UPDATE jobs SET state = 'claimed' WHERE id = %s", job_id)
    async with client_of(app, key=member.key) as client:
        assert (await client.get(f"/api/v1/jobs/{job_id}")).json()["state"] == "ready"


async def test_a_waiting_job_is_called_off(
    app: FastAPI, resources: Resources, member: Member, database: TestDatabase
) -> None:
    job_id = await _put(resources, member)
    async with client_of(app, key=member.key) as client:
        assert (await client.post(f"/api/v1/jobs/{job_id}/cancel")).json()["state"] == "cancelled"
    assert job_row(database, job_id)["state"] == "cancelled"


async def test_strangers_and_viewers_call_nothing_off(
    app: FastAPI, resources: Resources, member: Member, stranger: Member, database: TestDatabase
) -> None:
    job_id = await _put(resources, member)
    viewer = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    for who, read, called_off in ((stranger, 404, 404), (viewer, 200, 403)):
        async with client_of(app, key=who.key) as client:
            assert (await client.get(f"/api/v1/jobs/{job_id}")).status_code == read
            assert (await client.post(f"/api/v1/jobs/{job_id}/cancel")).status_code == called_off
    assert job_row(database, job_id)["state"] == "ready"


async def test_nobody_is_asked_to_sign_in(anonymous: httpx.AsyncClient, resources: Resources, member: Member) -> None:
    job_id = await _put(resources, member)
    assert (await anonymous.get(f"/api/v1/jobs/{job_id}")).status_code == 401


async def test_jobs_are_listed_by_state_and_kind_page_by_page(
    app: FastAPI, resources: Resources, member: Member, stranger: Member, database: TestDatabase
) -> None:
    jobs = [await _put(resources, member) for _ in range(3)]
    await _put(resources, stranger)
    rows_of(database, "UPDATE jobs SET state = 'dead' WHERE id = %s", jobs[0])
    async with client_of(app, key=member.key) as client:
        first = (await client.get("/api/v1/jobs", params={"limit": 2})).json()
        rest = (await client.get("/api/v1/jobs", params={"limit": 2, "cursor": first["next"]})).json()
        dead = (await client.get("/api/v1/jobs", params={"state": ["dead", "cancelled"]})).json()
        other_kind = (await client.get("/api/v1/jobs", params={"kind": "test.other"})).json()
        unknown = await client.get("/api/v1/jobs", params={"state": "sleeping"})
    assert [job["id"] for job in first["items"] + rest["items"]] == [str(job_id) for job_id in reversed(jobs)]
    assert rest["next"] is None
    assert [job["id"] for job in dead["items"]] == [str(jobs[0])]
    assert other_kind["items"] == []
    assert unknown.status_code == 422


async def test_the_lines_of_a_job_are_read_from_where_one_was(
    app: FastAPI, resources: Resources, member: Member, stranger: Member, database: TestDatabase
) -> None:
    job_id = await _put(resources, member)
    for number in range(3):
        rows_of(
            database,
            "INSERT INTO job_log (job_id, org_id, attempt, at, level, message, facts)"
            " VALUES (%s, %s, 1, now(), 'info', %s, '{}')",
            job_id,
            member.org_id,
            f"line {number}",
        )
    path = f"/api/v1/jobs/{job_id}/log"
    async with client_of(app, key=member.key) as client:
        first = (await client.get(path, params={"limit": 2})).json()
        rest = (await client.get(path, params={"after": first["next"]})).json()
        nothing_new = (await client.get(path, params={"after": rest["next"]})).json()
        last = await client.get(path, params={"after": 2**63 - 1})
        past = await client.get(path, params={"after": 2**63})
    assert (last.json()["items"], past.status_code) == ([], 422)
    assert [line["message"] for line in first["items"] + rest["items"]] == ["line 0", "line 1", "line 2"]
    assert nothing_new == {"items": [], "next": rest["next"]}
    async with client_of(app, key=stranger.key) as client:
        assert (await client.get(path)).status_code == 404


async def test_a_dead_job_is_tried_again_by_those_who_may(
    app: FastAPI, resources: Resources, member: Member, database: TestDatabase
) -> None:
    job_id = await _put(resources, member)
    rows_of(database, "UPDATE jobs SET state = 'dead' WHERE id = %s", job_id)
    viewer = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    async with client_of(app, key=viewer.key) as client:
        assert (await client.post(f"/api/v1/jobs/{job_id}/retry")).status_code == 403
    async with client_of(app, key=member.key) as client:
        assert (await client.post(f"/api/v1/jobs/{job_id}/retry")).json()["state"] == "ready"


async def test_only_whoever_runs_the_hub_sees_the_jobs_of_all(
    app: FastAPI, resources: Resources, member: Member, stranger: Member, database: TestDatabase
) -> None:
    jobs = {str(await _put(resources, who)) for who in (member, stranger)}
    async with client_of(app, key=member.key) as client:
        refused = await client.get("/api/v1/hub/jobs")
    rows_of(database, "UPDATE users SET instance_admin = true WHERE id = %s", stranger.user_id)
    async with client_of(app, key=stranger.key) as client:
        listed = (await client.get("/api/v1/hub/jobs", params={"state": "ready", "limit": 200})).json()
        assert {job["id"] for job in listed["items"]} >= jobs
        rows_of(database, "UPDATE jobs SET kind = 'test.rare' WHERE id = %s", min(jobs))
        rare = (await client.get("/api/v1/hub/jobs", params={"state": "ready", "kind": "test.rare"})).json()
        assert [job["id"] for job in rare["items"]] == [min(jobs)]
        rows_of(database, "UPDATE users SET instance_admin = false WHERE id = %s", stranger.user_id)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


async def test_a_training_that_ended_is_started_anew_and_not_tried_again(
    app: FastAPI, resources: Resources, member: Member, database: TestDatabase
) -> None:
    job_id = await _put(resources, member)
    rows_of(database, "UPDATE jobs SET kind = 'train.fit_model', state = 'dead' WHERE id = %s", job_id)
    async with client_of(app, key=member.key) as client:
        refused = await client.post(f"/api/v1/jobs/{job_id}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_not_retryable")
    assert job_row(database, job_id)["state"] == "dead"


async def test_whoever_runs_the_hub_looks_at_jobs_of_all_calls_them_off_and_has_them_tried_again(
    client: httpx.AsyncClient, resources: Resources, member: Member, database: TestDatabase
) -> None:
    job_id = await _put(resources, member)
    path = f"/api/v1/hub/jobs/{job_id}"
    rows_of(
        database,
        "INSERT INTO job_log (job_id, org_id, attempt, at, level, message, facts)"
        " VALUES (%s, %s, 1, now(), 'info', 'said', '{}')",
        job_id,
        member.org_id,
    )
    assert (await client.get(path)).json()["id"] == str(job_id)
    assert [line["message"] for line in (await client.get(f"{path}/log")).json()["items"]] == ["said"]
    assert (await client.post(f"{path}/cancel")).json()["state"] == "cancelled"
    assert (await client.post(f"{path}/retry")).json()["state"] == "ready"
    assert job_row(database, job_id)["state"] == "ready"


async def test_an_owner_who_does_not_run_the_hub_reaches_no_job_by_its_routes(
    app: FastAPI, resources: Resources, member: Member, stranger: Member, database: TestDatabase
) -> None:
    job_id = await _put(resources, member)
    asks = (("GET", ""), ("GET", "/log"), ("POST", "/cancel"), ("POST", "/retry"))
    for key, status in ((member.key, 403), (stranger.key, 403), (None, 401)):
        async with client_of(app, key=key) as client:
            for method, what in asks:
                assert (await client.request(method, f"/api/v1/hub/jobs/{job_id}{what}")).status_code == status
    assert job_row(database, job_id)["state"] == "ready"


async def test_whoever_runs_the_hub_does_the_same_with_a_job_of_the_hub_itself(
    client: httpx.AsyncClient, app: FastAPI, member: Member, resources: Resources, database: TestDatabase
) -> None:
    async with transaction(resources.database, NOBODY) as tx:
        job_id = await enqueue(tx, Light())
    path = f"/api/v1/hub/jobs/{job_id}"
    rows_of(
        database,
        "INSERT INTO job_log (job_id, org_id, attempt, at, level, message, facts)"
        " VALUES (%s, NULL, 1, now(), 'info', 'said', '{}')",
        job_id,
    )
    assert (await client.get(path)).json()["organisation_id"] is None
    assert [line["message"] for line in (await client.get(f"{path}/log")).json()["items"]] == ["said"]
    assert (await client.post(f"{path}/cancel")).json()["state"] == "cancelled"
    again = (await client.post(f"{path}/retry")).json()
    assert (again["state"], again["cancel_requested"]) == ("ready", False)
    async with client_of(app, key=member.key) as owner:
        assert (await owner.get(f"/api/v1/jobs/{job_id}")).status_code == 404
        assert (await owner.post(f"/api/v1/jobs/{job_id}/cancel")).status_code == 404


async def test_a_job_of_the_hub_itself_is_not_tried_again_beside_its_twin(
    client: httpx.AsyncClient, resources: Resources, database: TestDatabase
) -> None:
    key = str(new_id())
    async with transaction(resources.database, NOBODY) as tx:
        dead = await enqueue(tx, Light(), dedup_key=key)
    rows_of(database, "UPDATE jobs SET state = 'dead' WHERE id = %s", dead)
    async with transaction(resources.database, NOBODY) as tx:
        await enqueue(tx, Light(), dedup_key=key)
    refused = await client.post(f"/api/v1/hub/jobs/{dead}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_twin_runs")
    unknown = await client.post(f"/api/v1/hub/jobs/{new_id()}/retry")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "job_not_found")


async def test_the_queue_is_counted_and_its_workers_are_named_to_whoever_runs_the_hub(
    client: httpx.AsyncClient, app: FastAPI, resources: Resources, member: Member, database: TestDatabase
) -> None:
    kind = f"test.{new_id()}"
    jobs = [await _put(resources, member) for _ in range(3)]
    rows_of(database, "UPDATE jobs SET kind = %s WHERE id = ANY(%s)", kind, jobs)
    rows_of(database, "UPDATE jobs SET state = 'dead' WHERE id = %s", jobs[0])
    worker_id = new_id()
    await tell_presence(resources.line, worker_id, began_at=1_700_000_000, running={"light": 2})
    said = (await client.get("/api/v1/hub/queue")).json()
    counted = [(one["state"], one["jobs"]) for one in said["open"] if one["kind"] == kind]
    assert counted == [("ready", 2)]
    assert 1 <= said["dead"] <= said["dead_max"]
    worker = next(one for one in said["workers"] if one["id"] == str(worker_id))
    assert (worker["running"], worker["release"], worker["process"]) == ({"light": 2}, VERSION, os.getpid())
    await end_presence(resources.line, worker_id)
    left = (await client.get("/api/v1/hub/queue")).json()["workers"]
    assert str(worker_id) not in {one["id"] for one in left}
    async with client_of(app, key=member.key) as owner:
        assert (await owner.get("/api/v1/hub/queue")).status_code == 403
