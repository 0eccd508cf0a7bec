"""Work with what was granted: files sent for it, its jobs followed, its predictions asked for."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from fixtures.app import client_of, eventually, rows_of, running_worker
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum.data.datasets.jobs import HANDLERS as DATASETS_HANDLERS
from lyceum.jobs.topics import TOPICS
from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.serve.predictions.queries import find_version
from make.accounts import Member, make_grant, make_member
from make.data import make_dataset, make_version
from make.serve import make_registered
from make.train import make_run


async def _sent(client: httpx.AsyncClient, content: bytes) -> str:
    begun = await ok(client.post("/api/v1/uploads", json={"file_name": "rows.csv", "byte_count": len(content)}), 201)
    await ok(client.put(begun["put_url"], content=content))
    return str(begun["id"])


def _files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _ended(job: dict[str, Any]) -> bool:
    assert job["error"] is None, job
    return bool(job["state"] == "done")


def _kept(database: TestDatabase, org_id: UUID) -> dict[str, int]:
    rows = rows_of(database, "SELECT kind, byte_count FROM storage_usage WHERE org_id = %s", org_id)
    return {row["kind"]: row["byte_count"] for row in rows if row["byte_count"]}


async def test_a_guest_adds_a_version_which_is_the_owners_with_all_it_takes(
    app: FastAPI, resources: Resources, member: Member, database: TestDatabase
) -> None:
    guest = make_member(database, role="viewer")
    async with client_of(app, key=guest.key) as client:
        refused = await client.post("/api/v1/uploads", json={"file_name": "rows.csv", "byte_count": 4})
        assert refused.status_code == 403
        dataset_id, address = make_dataset(database, member)
        make_grant(database, member, "dataset", dataset_id, to=guest, role="maintainer")
        upload_id = await _sent(client, b"a,b\n1,2\n3,4\n")
        assert _kept(database, guest.org_id) == {"uploads": 12}
        pending = await ok(client.post(f"/api/v1/datasets/{address}/versions", json={"upload_id": upload_id}), 202)
        assert (_kept(database, guest.org_id), _kept(database, member.org_id)) == ({}, {"uploads": 12})
        job = await ok(client.get(f"/api/v1/jobs/{pending['job_id']}"))
        assert job["state"] in {"ready", "waiting"}
        async with running_worker(resources, *DATASETS_HANDLERS, heavy_slots=1):
            state = "SELECT state, error FROM jobs WHERE id = %s"
            await eventually(lambda: _ended(rows_of(database, state, UUID(pending["job_id"]))[0]))
        version = await ok(client.get(f"/api/v1/dataset-versions/{pending['id']}"))
        assert (version["state"], version["number"], version["row_count"]) == ("accepted", 1, 2), version
    assert set(_kept(database, member.org_id)) == {"tables"}
    uploads = resources.settings.home / "files" / "uploads"
    assert _files_below(uploads) == []


async def test_a_job_is_followed_by_whoever_was_granted_what_it_works_on_and_by_no_stranger(
    app: FastAPI, resources: Resources, member: Member, stranger: Member, database: TestDatabase
) -> None:
    dataset_id, _ = make_dataset(database, member)
    run_id, job_id = make_run(database, member, make_version(database, member, dataset_id)), new_id()
    rows_of(
        database,
        "INSERT INTO jobs (id, org_id, kind, args, state) VALUES (%s, %s, 'x', '{}', 'scheduled')",
        job_id,
        member.org_id,
    )
    rows_of(database, "UPDATE training_runs SET job_id = %s WHERE id = %s", job_id, run_id)
    topic = f"job/{job_id}"

    async def followed(who: Member) -> bool:
        async with transaction(resources.database, Scope(who.org_id, who.user_id)) as tx:
            return topic in await TOPICS[0].streams_for(tx, who.actor, [topic])

    async with client_of(app, key=stranger.key) as client:
        paths = [f"/api/v1/jobs/{job_id}{rest}" for rest in ("", "/log")]
        assert [(await client.get(path)).status_code for path in paths] == [404, 404]
        assert (await client.post(f"/api/v1/jobs/{job_id}/cancel")).status_code == 404
        assert not await followed(stranger)
        make_grant(database, member, "run", run_id, to=stranger)
        assert [(await client.get(path)).status_code for path in paths] == [200, 200]
        assert (await client.post(f"/api/v1/jobs/{job_id}/cancel")).status_code == 404
        assert await followed(stranger)
        rows_of(database, "UPDATE grants SET role = 'maintainer' WHERE object_id = %s", run_id)
        assert (await ok(client.post(f"/api/v1/jobs/{job_id}/cancel")))["state"] == "cancelled"


async def test_a_model_that_was_granted_is_found_by_predictions(
    resources: Resources, member: Member, stranger: Member, database: TestDatabase
) -> None:
    model_id, address = make_registered(database, member)
    org, _, name = address.partition("/")
    for granted in (False, True):
        if granted:
            make_grant(database, member, "model", model_id, to=stranger)
        async with transaction(resources.database, stranger.scope) as tx:
            assert (await find_version(tx, org, name, None) is not None) is granted
