"""Work with what was granted: files sent for it, its jobs followed, its predictions asked for."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, eventually, rows_of
from fixtures.servers import TestDatabase
from fixtures.staffed import StaffedHub, begin_version, ok, settled_version, upload
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


def _files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _kept(database: TestDatabase, org_id: UUID) -> dict[str, int]:
    rows = rows_of(database, "SELECT kind, byte_count FROM storage_usage WHERE org_id = %s", org_id)
    return {row["kind"]: row["byte_count"] for row in rows if row["byte_count"]}


@pytest.mark.deep
async def test_a_guest_adds_a_version_which_is_the_owners_with_all_it_takes(
    staffed_hub: StaffedHub, hub_client: Callable[..., httpx.AsyncClient], owner: Member
) -> None:
    database = staffed_hub.database
    guest = make_member(database, role="viewer")
    async with hub_client(guest) as client:
        refused = await client.post("/api/v1/uploads", json={"file_name": "rows.csv", "byte_count": 4})
        assert refused.status_code == 403
        dataset_id, address = make_dataset(database, owner)
        make_grant(database, owner, "dataset", dataset_id, to=guest, role="maintainer")
        pending = await begin_version(client, address, "rows.csv", b"a,b\n1,2\n3,4\n")
        assert (await client.get(f"/api/v1/jobs/{pending['job_id']}")).status_code == 200
        version = await settled_version(client, pending["id"])
    assert (version["state"], version["number"], version["row_count"]) == ("accepted", 1, 2), version
    assert _kept(database, guest.org_id) == {}
    assert set(_kept(database, owner.org_id)) == {"tables"}
    sent = staffed_hub.settings.home / "files" / "uploads" / str(guest.org_id)
    await eventually(lambda: not _files_below(sent))


async def test_an_upload_of_somebody_else_is_not_taken_along(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    guest = make_member(database, role="viewer")
    colleague = make_member(database, organisation=(guest.org_id, guest.org_name))
    dataset_id, address = make_dataset(database, member)
    make_grant(database, member, "dataset", dataset_id, to=guest, role="maintainer")
    async with client_of(app, key=colleague.key) as other, client_of(app, key=guest.key) as client:
        upload_id = await upload(other, "rows.csv", b"a\n1\n")
        refused = await client.post(f"/api/v1/datasets/{address}/versions", json={"upload_id": upload_id})
        assert (refused.status_code, refused.json()["code"]) == (404, "upload_not_found")
        assert (await client.get(f"/api/v1/uploads/{upload_id}")).status_code == 404
    assert rows_of(database, "SELECT org_id FROM uploads WHERE id = %s", UUID(upload_id)) == [{"org_id": guest.org_id}]


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
