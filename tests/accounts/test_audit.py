"""Who did what: recorded with what was done, seen by those who may, changed by nobody."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, eventually, rows_of, running_app
from fixtures.servers import TestDatabase
from fixtures.sign_in import give_password, sign_in
from lyceum.accounts.audit.export import escaped_cell
from lyceum.accounts.audit.recording import digest_of_shown, record
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.partitions import keep_months
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_grant, make_member
from make.data import make_check, make_check_run, make_dataset, make_version

LOGGED = "SELECT * FROM audit_log WHERE org_id = %s ORDER BY id"


@pytest.fixture
async def owner(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of an organisation's owner."""
    async with client_of(app, key=member.key) as opened:
        yield opened


def logged(database: TestDatabase, member: Member, **wanted: Any) -> list[dict[str, Any]]:
    """Return the lines of a member's organisation, oldest first, those with these values."""
    rows = rows_of(database, LOGGED, member.org_id)
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


async def test_a_change_is_recorded_with_who_where_and_what(
    owner: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    made = await owner.post("/api/v1/datasets", json={"name": "d"}, headers={"x-request-id": "a-request-of-mine"})
    line = logged(database, member)[0]
    assert (line["action"], line["outcome"], line["times"]) == ("create_dataset", "done", 1)
    assert (line["actor_id"], line["key_id"], line["impersonator_id"]) == (member.user_id, member.key_id, None)
    assert (line["object_kind"], line["object_id"]) == ("dataset", made.json()["id"])
    assert line["object_address"] == f"{member.org_name}/d"
    assert (line["request_id"], line["address"]) == ("a-request-of-mine", "127.0.0.1")
    assert bytes(line["after_digest"]) == digest_of_shown(made.json())
    assert line["before_digest"] is None


async def test_what_one_change_left_is_what_the_next_one_found(
    owner: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    made = await owner.post("/api/v1/datasets", json={"name": "d"})
    address = f"/api/v1/datasets/{member.org_name}/d"
    etag = made.headers["etag"]
    for description in ("one", "two"):
        changed = await owner.patch(address, json={"description": description}, headers={"if-match": etag})
        assert changed.status_code == 200
        etag = changed.headers["etag"]
    first, second, third = logged(database, member)
    assert first["after_digest"] == second["before_digest"] != second["after_digest"]
    assert second["after_digest"] == third["before_digest"] != third["after_digest"]
    shown = (await owner.get(address)).json()
    assert bytes(third["after_digest"]) == digest_of_shown(shown)


async def test_what_is_refused_for_what_it_says_changes_nothing_and_leaves_no_line(
    owner: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    assert (await owner.post("/api/v1/datasets", json={"name": "/"})).status_code == 422
    assert (await owner.delete(f"/api/v1/datasets/{member.org_name}/none")).status_code == 404
    assert (await owner.get("/api/v1/datasets")).status_code == 200
    assert logged(database, member) == []


async def test_no_text_of_a_request_ends_the_statement_it_stands_in(
    owner: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    hostile = "x'); DROP TABLE audit_log; --\\' {} {0} %s \x00 ü"
    async with transaction(owner._transport.app.state.resources.database, member.scope) as tx:  # type: ignore[attr-defined]
        record(tx, member.actor, "try", "thing", hostile, address=hostile)
    line = logged(database, member, action="try")[0]
    assert line["object_id"] == line["object_address"] == hostile.replace("\x00", "\ufffd")


async def test_a_change_that_does_not_commit_is_not_recorded(
    resources: Resources, member: Member, database: TestDatabase
) -> None:
    async def fail() -> None:
        async with transaction(resources.database, member.scope) as tx:
            record(tx, member.actor, "try", "thing", None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert logged(database, member) == []


async def test_a_change_that_cannot_be_recorded_is_not_made(
    fresh_app: FastAPI, fresh_member: Member, fresh_database: TestDatabase
) -> None:
    rows_of(fresh_database, "REVOKE INSERT ON audit_log FROM PUBLIC; DROP POLICY audit_log_adds ON audit_log")
    async with client_of(fresh_app, key=fresh_member.key) as client:
        assert (await client.post("/api/v1/datasets", json={"name": "d"})).status_code == 500
        assert (await client.get("/api/v1/datasets")).json()["items"] == []


async def test_a_refused_attempt_is_recorded_once_with_its_number(
    hub_settings: Settings, database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.accounts.audit.refusals.FLUSH_SECONDS", 600.0)
    viewer = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    async with running_app(hub_settings) as app, client_of(app, key=viewer.key) as client:
        for _ in range(5):
            assert (await client.post("/api/v1/datasets", json={"name": "d"})).status_code == 403
    # the first is written at once, and those that come within the time after it together
    found = logged(database, member, outcome="refused")
    assert len(found) <= 2
    assert sum(line["times"] for line in found) == 5
    assert {(line["action"], line["reason"], line["actor_id"]) for line in found} == {
        ("create_dataset", "not_allowed", viewer.user_id)
    }


async def test_a_tried_set_up_link_is_recorded_without_what_was_sent(
    fresh_app: FastAPI, fresh_database: TestDatabase
) -> None:
    sent = {"token": "guessed", "email": "who@example.org", "display_name": "Who", "password": "correct horse battery"}
    async with client_of(fresh_app) as client:
        assert (await client.post("/api/v1/setup", json=sent)).status_code == 410
    lines = await eventually(lambda: rows_of(fresh_database, "SELECT * FROM audit_log"))
    assert (lines[0]["action"], lines[0]["reason"], lines[0]["org_id"]) == ("set_up", "setup_link_used", None)
    assert not any(value in str(lines[0]) for value in ("guessed", "who@", "horse"))


async def test_signing_in_is_recorded_and_so_is_who_could_not(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    email = await give_password(app, member.user_id)
    async with client_of(app) as client:
        assert (await sign_in(client, email, cookies=False)).status_code == 201
        for address in (email, f"nobody.{email}"):
            assert (await sign_in(client, address, "wrong horse battery", cookies=False)).status_code == 401
    of_person = "SELECT * FROM audit_log WHERE actor_id = %s ORDER BY id"

    def lines() -> list[dict[str, Any]]:
        found = rows_of(database, of_person, member.user_id)
        return found if len(found) == 2 else []

    done, refused = await eventually(lines)
    assert (done["action"], done["outcome"], done["object_kind"]) == ("sign_in", "done", "session")
    assert (refused["action"], refused["outcome"], refused["reason"]) == ("sign_in", "refused", "sign_in_refused")
    assert not any("@" in str(line) or "horse" in str(line) for line in (done, refused))


async def test_however_many_different_attempts_come_few_lines_are_written(
    fresh_resources: Resources, fresh_database: TestDatabase
) -> None:
    from lyceum.accounts.audit.recording import Entry, ObjectRef
    from lyceum.accounts.audit.refusals import KINDS_MAX, WRITTEN_AT_ONCE_MAX, Refusals
    from lyceum.accounts.policy import ANYONE

    refusals = Refusals(fresh_resources.database)
    for number in range(5_000):
        of = ObjectRef("thing", str(number))
        refusals.add(Entry(ANYONE, "try", "refused", object=of, reason="not_allowed", address=f"192.0.2.{number}"))
    refusals.start()
    await refusals.close()
    lines = rows_of(fresh_database, "SELECT times, object_id FROM audit_log ORDER BY times")
    assert len(lines) <= WRITTEN_AT_ONCE_MAX + KINDS_MAX
    assert sum(line["times"] for line in lines) == 5_000
    assert lines[-1] == {"times": 5_000 - WRITTEN_AT_ONCE_MAX, "object_id": None}


async def test_every_read_of_what_is_sensitive_is_recorded_and_of_nothing_else(
    owner: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    for name, sensitive in (("open", False), ("closed", True)):
        assert (await owner.post("/api/v1/datasets", json={"name": name, "sensitive": sensitive})).status_code == 201
        for below in ("", "/versions", "/checks"):
            assert (await owner.get(f"/api/v1/datasets/{member.org_name}/{name}{below}")).status_code == 200
    lines = logged(database, member, outcome="read")
    assert [line["action"] for line in lines] == ["read_dataset", "list_versions", "list_checks"]
    assert {line["object_address"] for line in lines} == {f"{member.org_name}/closed"}


async def test_reads_of_check_runs_of_what_is_sensitive_are_recorded(
    owner: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(database, member)
    rows_of(database, "UPDATE datasets SET sensitive = true WHERE id = %s", dataset_id)
    version_id = make_version(database, member, dataset_id)
    run_id = make_check_run(database, member, version_id, results_of=(make_check(database, member, dataset_id),))
    for path in (f"check-runs/{run_id}", f"datasets/{address}/versions/1/check-runs", f"datasets/{address}/checks"):
        assert (await owner.get(f"/api/v1/{path}")).status_code == 200
    lines = logged(database, member, outcome="read")
    assert [line["action"] for line in lines] == ["read_check_run", "list_check_runs", "list_checks"]
    assert {line["object_id"] for line in lines} == {str(dataset_id)}


async def test_whoever_was_granted_a_model_does_not_say_whether_its_reads_are_recorded(
    app: FastAPI, owner: httpx.AsyncClient, member: Member, stranger: Member, database: TestDatabase
) -> None:
    from lyceum.kernel.ids import new_id

    model = new_id()
    rows_of(
        database, "INSERT INTO models (id, org_id, name, sensitive) VALUES (%s, %s, 'm', true)", model, member.org_id
    )
    make_grant(database, member, "model", model, to=stranger, role="maintainer")
    address = f"/api/v1/models/{member.org_name}/m"
    async with client_of(app, key=stranger.key) as client:
        assert (await client.get(address)).status_code == 200
        refused = await client.put(f"{address}/sensitive", json={"sensitive": False})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert (await owner.get(address)).json()["sensitive"] is True


async def test_who_of_another_organisation_reads_what_is_sensitive_stands_in_its_owners_log(
    app: FastAPI, owner: httpx.AsyncClient, member: Member, stranger: Member, database: TestDatabase
) -> None:
    wanted = {"name": "shown", "visibility": "internal", "sensitive": True}
    made = await owner.post("/api/v1/datasets", json=wanted)
    address = f"/api/v1/datasets/{member.org_name}/shown"
    async with client_of(app, key=stranger.key) as client:
        assert (await client.get(address)).status_code == 200
    await owner.patch(address, json={"visibility": "private"}, headers={"if-match": made.headers["etag"]})
    assert [line["actor_id"] for line in logged(database, member, outcome="read")] == [stranger.user_id]
    assert logged(database, stranger) == []


async def test_a_model_is_marked_sensitive(owner: httpx.AsyncClient, member: Member, database: TestDatabase) -> None:
    from lyceum.kernel.ids import new_id

    model = new_id()
    rows_of(database, "INSERT INTO models (id, org_id, name) VALUES (%s, %s, 'm')", model, member.org_id)
    address = f"/api/v1/models/{member.org_name}/m"
    assert (await owner.get(address)).json()["sensitive"] is False
    marked = await owner.put(f"{address}/sensitive", json={"sensitive": True})
    assert marked.json()["sensitive"] is True
    assert (await owner.get(address)).status_code == 200
    change, read = logged(database, member)
    assert (change["action"], change["object_id"], change["outcome"]) == ("mark_model", str(model), "done")
    assert change["before_digest"] != change["after_digest"]
    assert (read["action"], read["object_id"], read["outcome"]) == ("read_model", str(model), "read")


async def test_the_auditors_of_an_organisation_see_its_lines_alone_and_an_administrator_all(
    app: FastAPI,
    owner: httpx.AsyncClient,
    client: httpx.AsyncClient,
    member: Member,
    stranger: Member,
    database: TestDatabase,
) -> None:
    viewer = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    made = (await owner.post("/api/v1/datasets", json={"name": "d"})).json()
    seen = (await owner.get("/api/v1/audit")).json()
    assert [(item["action"], item["object_id"], item["actor"]) for item in seen["items"]] == [
        ("create_dataset", made["id"], "A member")
    ]
    async with client_of(app, key=stranger.key) as other, client_of(app, key=viewer.key) as colleague:
        assert (await other.get("/api/v1/audit")).json()["items"] == []
        for below in ("", "/export"):
            assert (await colleague.get(f"/api/v1/audit{below}")).status_code == 403
            assert (await owner.get(f"/api/v1/admin/audit{below}")).status_code == 403
    of_all = (await client.get("/api/v1/admin/audit", params={"object": made["id"]})).json()["items"]
    assert [item["organisation_id"] for item in of_all] == [str(member.org_id)]
    one = {"organisation": str(member.org_id)}
    assert len((await client.get("/api/v1/admin/audit", params=one)).json()["items"]) == 1


async def test_lines_are_found_by_who_what_where_and_when(
    owner: httpx.AsyncClient, client: httpx.AsyncClient, member: Member
) -> None:
    for name in ("a", "b", "c"):
        await owner.post("/api/v1/datasets", json={"name": name})
    await owner.post("/api/v1/api-keys", json={"name": "k", "scopes": []})
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for wanted, count in (
        ({}, 4),
        ({"action": "create_dataset"}, 3),
        ({"kind": "api_key"}, 1),
        ({"object": f"{member.org_name}/b"}, 1),
        ({"actor": str(member.user_id)}, 4),
        ({"actor": str(member.key_id)}, 0),
        ({"from": later}, 0),
        ({"to": later}, 4),
    ):
        found = (await owner.get("/api/v1/audit", params=wanted)).json()["items"]
        assert len(found) == count, wanted
        of_hub = {**wanted, "organisation": str(member.org_id)}
        assert len((await client.get("/api/v1/admin/audit", params=of_hub)).json()["items"]) == count, wanted
    first = (await owner.get("/api/v1/audit", params={"limit": 3})).json()
    rest = (await owner.get("/api/v1/audit", params={"limit": 3, "cursor": first["next"]})).json()
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 4


async def test_the_log_is_downloaded_whole_in_both_forms(
    owner: httpx.AsyncClient, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.accounts.audit.export.PAGE_ENTRIES", 2)
    monkeypatch.setattr("lyceum.accounts.audit.routes.PAGE_ENTRIES", 2)
    for name in ("a", "b", "c"):
        await owner.post("/api/v1/datasets", json={"name": name})
    shown = (await owner.get("/api/v1/audit")).json()["items"]
    lines = (await owner.get("/api/v1/audit/export", params={"format": "jsonl"})).text.splitlines()
    assert [json.loads(line) for line in lines] == shown
    table = await owner.get("/api/v1/audit/export")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["object_address"] for row in rows] == [item["object_address"] for item in shown]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert escaped_cell(text) == f"'{text}"
    assert escaped_cell(f"a{text}") == f"a{text}"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET action = 'nothing'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "DROP TABLE audit_log",
        "ALTER TABLE audit_log DISABLE ROW LEVEL SECURITY",
        "SELECT * FROM audit_log_default",
        "INSERT INTO audit_log_default (id, action, outcome) VALUES (gen_random_uuid(), 'x', 'done')",
        "DELETE FROM audit_log_default",
    ],
)
def test_the_apps_role_only_adds_to_the_log(database: TestDatabase, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows_of(database, statement, role="app")


def _log(database: TestDatabase, at: datetime) -> None:
    line = "INSERT INTO audit_log (at, id, action, outcome) VALUES (%s, gen_random_uuid(), 'x', 'done')"
    rows_of(database, line, at)


async def test_the_apps_role_has_nothing_removed_that_is_younger_than_a_month(
    fresh_resources: Resources, fresh_database: TestDatabase
) -> None:
    now = datetime.now(UTC)
    for days in (0, 29, 31, 700):
        _log(fresh_database, now - timedelta(days=days))
    await keep_months(fresh_resources.database, "audit_log", before=now + timedelta(days=1))
    kept = rows_of(fresh_database, "SELECT at FROM audit_log ORDER BY at")
    assert [(now - row["at"]).days for row in kept] == [29, 0]


async def test_a_new_month_is_added_to_by_its_table_alone(
    fresh_resources: Resources, fresh_database: TestDatabase
) -> None:
    rows_of(fresh_database, "DROP TABLE audit_log_default, " + _this_month())
    rows_of(fresh_database, "CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT")
    await keep_months(fresh_resources.database, "audit_log", before=datetime(2020, 1, 1, tzinfo=UTC))
    async with transaction(fresh_resources.database, NOBODY) as tx:
        record(tx, NOBODY, "try", None, None)
    assert rows_of(fresh_database, "SELECT tableoid::regclass::text AS part FROM audit_log") == [
        {"part": _this_month()}
    ]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows_of(fresh_database, f"DELETE FROM {_this_month()}", role="app")


def _this_month() -> str:
    return f"audit_log_{datetime.now(UTC):%Y_%m}"
