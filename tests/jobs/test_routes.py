"""Jobs over HTTP: looked at and called off by those of their organisation."""

from uuid import UUID

import httpx
from fastapi import FastAPI

from fixtures.app import client_of, job_row, rows_of
from fixtures.job_kinds import Light
from fixtures.servers import TestDatabase
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.progress import write_progress
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member


async def _put(resources: Resources, member: Member) -> UUID:
    async with transaction(resources.database, member.scope) as tx:
        return await enqueue(tx, Light(note="x"))


async def test_a_job_is_seen_with_its_progress(app: FastAPI, resources: Resources, member: Member) -> None:
    job_id = await _put(resources, member)
    await write_progress(resources.valkey, job_id, 0.25, "reading")
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
