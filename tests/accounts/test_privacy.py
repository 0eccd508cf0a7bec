"""People take along what the hub keeps of them, and leave: nothing of them is found afterwards, wherever one looks."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, eventually, rows_of, running_worker
from fixtures.factors import set_up_phone
from fixtures.servers import TestDatabase
from fixtures.sign_in import PASSWORD, browser_of, signed_in_client
from lyceum import wiring
from lyceum.accounts.privacy.erasing import erase_person
from lyceum.accounts.privacy.jobs import KeepPromises, MakeExport, privacy_jobs
from lyceum.kernel.db import NOBODY
from lyceum.kernel.holding import FILES_LOCK, FilesHeld
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, email_of, make_member, make_organisation

PRIVACY_HANDLERS = privacy_jobs(wiring.EXPORTERS, wiring.ERASERS).handlers()


def join(database: TestDatabase, member: Member, role: str) -> Member:
    """Make another person in a member's organisation."""
    return make_member(database, organisation=(member.org_id, member.org_name), role=role)


def due(database: TestDatabase, member: Member, *organisations: str) -> None:
    """Have the days of grace be over."""
    rows_of(
        database,
        "INSERT INTO account_deletions (user_id, due_at, organisation_ids) VALUES (%s, now(), %s::jsonb)",
        member.user_id,
        json.dumps(organisations),
    )


async def _keep_promises(resources: Resources) -> None:
    async with transaction(resources.database, NOBODY) as tx:
        await enqueue(tx, KeepPromises())


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/export"),
        ("GET", "/exports"),
        ("GET", "/exports/00000000-0000-7000-8000-000000000000/content"),
        ("POST", "/deletion"),
        ("GET", "/deletion"),
        ("DELETE", "/deletion"),
    ],
)
async def test_no_key_takes_data_along_or_leaves(
    app: FastAPI, anonymous: httpx.AsyncClient, member: Member, method: str, path: str
) -> None:
    async with client_of(app, key=member.key) as client:
        assert (await client.request(method, f"/api/v1/me{path}")).status_code == 403
    assert (await anonymous.request(method, f"/api/v1/me{path}")).status_code == 401


async def test_people_download_what_the_hub_keeps_of_them_and_nobody_else_does(
    fresh_app: FastAPI, fresh_resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    colleague = join(fresh_database, fresh_member, "owner")
    async with client_of(fresh_app, key=fresh_member.key) as client:
        assert (await client.post("/api/v1/datasets", json={"name": "mine"})).status_code == 201
    async with client_of(fresh_app, key=colleague.key) as client:
        assert (await client.post("/api/v1/datasets", json={"name": "theirs"})).status_code == 201
    rows_of(
        fresh_database,
        "INSERT INTO prediction_log (at, org_id, model_version_id, key_id, request_id, duration_microseconds, inputs,"
        " outputs) SELECT now(), %s, gen_random_uuid(), k, 'r', 1, '{\"age\": 5}', '{}' FROM unnest(%s::uuid[]) AS k",
        fresh_member.org_id,
        [fresh_member.key_id, colleague.key_id],
    )
    resources = fresh_app.state.resources
    async with signed_in_client(fresh_app, fresh_member) as client:
        phone = await set_up_phone(client)
        asked = await client.post("/api/v1/me/export")
        assert (asked.status_code, asked.json()["state"]) == (202, "queued")
        assert (await client.post("/api/v1/me/export")).json()["id"] == asked.json()["id"]
        early = await client.get(f"/api/v1/me/exports/{asked.json()['id']}/content")
        assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")
        async with running_worker(resources, *PRIVACY_HANDLERS):
            await eventually(lambda: rows_of(fresh_database, "SELECT 1 FROM personal_exports WHERE state = 'ready'"))
        shown = (await client.get("/api/v1/me/exports")).json()["items"]
        assert [item["state"] for item in shown] == ["ready"]
        content = await client.get(f"/api/v1/me/exports/{shown[0]['id']}/content")
    assert content.status_code == 200
    with zipfile.ZipFile(io.BytesIO(content.content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(files) == {"README.txt", *(exporter.name for exporter in wiring.EXPORTERS)}
    assert all(exporter.name in files["README.txt"] for exporter in wiring.EXPORTERS)
    lines = {name: [json.loads(line) for line in text.splitlines()] for name, text in files.items() if name[0] != "R"}
    assert [row["id"] for row in lines["profile.jsonl"]] == [str(fresh_member.user_id)]
    assert "password_hash" not in lines["profile.jsonl"][0]
    assert [row["address"] for row in lines["datasets.jsonl"]] == [f"{fresh_member.org_name}/mine"]
    assert [row["id"] for row in lines["api_keys.jsonl"]] == [str(fresh_member.key_id)]
    assert "digest" not in lines["api_keys.jsonl"][0]
    assert {row["kind"]: row.get("name") for row in lines["second_factors.jsonl"]} == {
        "authenticator app": "phone",
        "recovery code": None,
    }
    secrets = ("secret_sealed", "digest", *phone.recovery_codes, phone.secret.hex())
    assert not [word for word in secrets if word in files["second_factors.jsonl"]]
    assert {row["actor_id"] for row in lines["audit.jsonl"]} == {str(fresh_member.user_id)}
    assert [row["inputs"] for row in lines["predictions.jsonl"]] == [{"age": 5}]
    async with signed_in_client(fresh_app, colleague) as client:
        stolen = await client.get(f"/api/v1/me/exports/{shown[0]['id']}/content")
        assert (stolen.status_code, stolen.json()["code"]) == (404, "export_not_found")
    async with client_of(fresh_app, key=colleague.key) as client:
        kinds = {job["kind"] for job in (await client.get("/api/v1/jobs")).json()["items"]}
    assert MakeExport.kind not in kinds
    del fresh_resources


async def test_an_archive_is_removed_when_its_time_is_over(
    fresh_app: FastAPI, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    resources: Resources = fresh_app.state.resources
    async with signed_in_client(fresh_app, fresh_member) as client:
        made = (await client.post("/api/v1/me/export")).json()
        async with running_worker(resources, *PRIVACY_HANDLERS):
            await eventually(lambda: rows_of(fresh_database, "SELECT 1 FROM personal_exports WHERE state = 'ready'"))
            key = rows_of(fresh_database, "SELECT content_key FROM personal_exports")[0]["content_key"]
            assert await resources.storage.byte_count(key)
            rows_of(fresh_database, "UPDATE personal_exports SET expires_at = now()")
            await _keep_promises(resources)
            await eventually(lambda: rows_of(fresh_database, "SELECT 1 FROM personal_exports WHERE state = 'expired'"))
        assert await resources.storage.byte_count(key) is None
        gone = await client.get(f"/api/v1/me/exports/{made['id']}/content")
    assert (gone.status_code, gone.json()["code"]) == (410, "export_gone")


async def test_archives_are_listed_page_by_page_and_forgotten_a_while_after_they_are_gone(
    app: FastAPI, database: TestDatabase, member: Member
) -> None:
    made = """
        INSERT INTO personal_exports (id, user_id, state, asked_at, expires_at)
        VALUES (%s, %s, %s, now() - %s::interval, now() - %s::interval)
    """
    day = timedelta(days=1)
    ids = {}
    for name, state, asked, expired in (
        ("long gone", "expired", 40 * day, 31 * day),
        ("long failed", "failed", 31 * day, None),
        ("gone", "expired", 40 * day, 29 * day),
        ("failed", "failed", 29 * day, None),
        ("queued for long", "queued", 40 * day, None),
        ("there", "ready", 5 * day, -2 * day),
    ):
        ids[name] = new_id()
        rows_of(database, made, ids[name], member.user_id, state, asked, expired)

    async def listed(client: httpx.AsyncClient) -> list[str]:
        found, cursor = [], None
        while True:
            page = (
                await client.get("/api/v1/me/exports", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
            ).json()
            assert len(page["items"]) <= 2
            found += [item["id"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                return found

    resources: Resources = app.state.resources
    async with signed_in_client(app, member) as client:
        assert await listed(client) == [str(one) for one in reversed(ids.values())]
        async with running_worker(resources, *PRIVACY_HANDLERS):
            await _keep_promises(resources)
            await eventually(
                lambda: not rows_of(database, "SELECT 1 FROM personal_exports WHERE id = %s", ids["long gone"])
            )
        left = [name for name in ids if not name.startswith("long")]
        assert await listed(client) == [str(ids[name]) for name in reversed(left)]


async def test_letters_say_that_an_account_goes_and_that_it_stays(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    kinds = "SELECT kind, used_at IS NOT NULL AS void FROM one_time_links WHERE user_id = %s ORDER BY id"
    wanted = "SELECT 1 FROM jobs WHERE args -> 'payload' ->> 'link_id' = %s AND args ->> 'subscriber' = 'notify.letter'"
    async with signed_in_client(app, member) as client:
        due_at = (await client.post("/api/v1/me/deletion")).json()["due_at"]
        assert (await client.post("/api/v1/me/deletion")).status_code == 202
        link = rows_of(database, "SELECT * FROM one_time_links WHERE user_id = %s", member.user_id)
        assert [(one["kind"], one["expires_at"]) for one in link] == [
            ("account_deletion", datetime.fromisoformat(due_at))
        ]
        assert rows_of(database, wanted, str(link[0]["id"]))
        assert (await client.delete("/api/v1/me/deletion")).status_code == 204
    assert [tuple(row.values()) for row in rows_of(database, kinds, member.user_id)] == [
        ("account_deletion", True),
        ("account_kept", False),
    ]


async def test_at_the_address_of_somebody_who_has_left_one_registers_anew(
    fresh_app: FastAPI, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    leaver = join(fresh_database, fresh_member, "viewer")
    email = email_of(fresh_database, leaver.user_id)
    due(fresh_database, leaver)
    assert await erase_person(fresh_app.state.resources, leaver.user_id, wiring.ERASERS) is not None
    async with signed_in_client(fresh_app, fresh_member) as owner, browser_of(fresh_app) as browser:
        path = f"/api/v1/organisations/{fresh_member.org_name}/invitations"
        made = (await owner.post(path, json={"role": "viewer", "email": email})).json()
        token = parse_qs(urlsplit(made["url"]).query)["token"][0]
        given = {"email": email, "password": PASSWORD, "display_name": "Ada anew", "invitation": token}
        registered = await browser.post("/api/v1/registrations", json=given)
        assert (registered.status_code, registered.json()["state"]) == (201, "signed_in")
        me = (await browser.get("/api/v1/me")).json()
    assert (me["email"], me["organisation"]) == (email, fresh_member.org_name)
    assert me["user_id"] != str(leaver.user_id)


async def test_who_wants_to_leave_may_stay_until_the_days_are_over(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    async with signed_in_client(app, member) as client:
        assert (await client.get("/api/v1/me/deletion")).status_code == 404
        asked = await client.post("/api/v1/me/deletion")
        assert asked.status_code == 202
        assert asked.json()["organisations"] == [member.org_name]
        days = datetime.fromisoformat(asked.json()["due_at"]) - datetime.now(UTC)
        assert timedelta(days=13) < days <= timedelta(days=14)
        assert (await client.get("/api/v1/me/deletion")).json() == asked.json()
        assert await erase_person(app.state.resources, member.user_id, wiring.ERASERS) is None
        assert (await client.delete("/api/v1/me/deletion")).status_code == 204
        assert (await client.delete("/api/v1/me/deletion")).status_code == 404
    assert rows_of(database, "SELECT erased_at FROM users WHERE id = %s", member.user_id) == [{"erased_at": None}]


async def test_nobody_leaves_others_without_an_owner(app: FastAPI, member: Member, database: TestDatabase) -> None:
    join(database, member, "viewer")
    async with signed_in_client(app, member) as client:
        refused = await client.post("/api/v1/me/deletion")
        assert (refused.status_code, refused.json()["code"]) == (409, "organisations_need_owner")
        assert refused.json()["organisations"] == [member.org_name]
        named = await client.post("/api/v1/me/deletion", json={"delete_organisations": [member.org_name]})
        assert named.json()["organisations"] == [member.org_name]
        foreign = await client.post("/api/v1/me/deletion", json={"delete_organisations": ["main"]})
        assert foreign.status_code == 409


async def test_who_is_left_without_an_owner_meanwhile_keeps_the_leaver_a_day_longer(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    other = join(database, member, "owner")
    due(database, member)
    rows_of(database, "UPDATE memberships SET role = 'viewer' WHERE user_id = %s", other.user_id)
    assert await erase_person(app.state.resources, member.user_id, wiring.ERASERS) is None
    left = rows_of(database, "SELECT due_at > now() AS later FROM account_deletions WHERE user_id = %s", member.user_id)
    assert left == [{"later": True}]


async def test_what_is_an_organisations_stays_with_it_and_names_nobody(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    other = join(database, member, "owner")
    async with client_of(app, key=member.key) as client:
        made = (await client.post("/api/v1/datasets", json={"name": "kept"})).json()
        due(database, member)
        erased = await erase_person(app.state.resources, member.user_id, wiring.ERASERS)
        assert erased is not None
        assert erased.organisation_ids == ()
    async with client_of(app, key=other.key) as client:
        assert (await client.get(f"/api/v1/datasets/{member.org_name}/kept")).json()["id"] == made["id"]
        line = (await client.get("/api/v1/audit", params={"object": made["id"]})).json()["items"][0]
    assert (line["actor_id"], line["actor"], line["address"]) == (str(member.user_id), "Former member", None)
    row = rows_of(database, "SELECT email, display_name FROM users WHERE id = %s", member.user_id)
    assert row == [{"email": None, "display_name": "Former member"}]
    assert rows_of(database, "SELECT 1 FROM memberships WHERE user_id = %s", member.user_id) == []


async def test_nobody_leaves_while_their_files_are_copied_and_the_next_try_goes_through(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    due(database, member)
    with psycopg.connect(database.dsn("owner"), autocommit=True) as copying:
        copying.execute("SELECT pg_advisory_lock(%s)", (FILES_LOCK,))
        with pytest.raises(FilesHeld):
            await erase_person(app.state.resources, member.user_id, wiring.ERASERS)
    assert await erase_person(app.state.resources, member.user_id, wiring.ERASERS) is not None
    assert await erase_person(app.state.resources, member.user_id, wiring.ERASERS) is None


async def test_nobody_goes_whose_time_has_not_come_whatever_the_apps_role_asks(
    database: TestDatabase, member: Member
) -> None:
    organisation = make_organisation(database)[0]
    for call in (
        f"definer.deletion_begin('{member.user_id}')",
        f"definer.deletion_of_person('{member.user_id}')",
        f"definer.deletion_of_organisation('{member.user_id}', '{organisation}')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows_of(database, f"SELECT {call}", role="app")
