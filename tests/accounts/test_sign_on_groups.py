"""Groups of a real identity provider that lead into groups of the hub's organisations, and out of them."""

from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from fixtures.app import rows_of
from fixtures.identity_provider import RealProvider
from fixtures.people import as_administrator, as_person
from fixtures.servers import TestDatabase
from fixtures.sign_in import browser_of, signed_in_client
from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_grant, make_group, make_key, make_member
from make.data import make_dataset
from make.signon import (
    SetUpProvider,
    add_rule,
    asked_about_everybody,
    groups_of,
    identity_of,
    roles_of,
    set_up_provider,
    sign_on,
)


@pytest.fixture
def teacher(database: TestDatabase) -> Member:
    """Who owns the organisation into whose groups people are led."""
    return make_member(database)


def rules_path(provider: SetUpProvider) -> str:
    return f"/api/v1/admin/sign-on-providers/{provider.id}/rules"


def lines_of(database: TestDatabase, org_id: UUID, actor_id: UUID) -> list[tuple[str, str, str]]:
    """Return what of a person stands in an organisation's log."""
    logged = "SELECT action, object_kind, object_id FROM audit_log WHERE org_id = %s AND actor_id = %s ORDER BY id"
    rows = rows_of(database, logged, org_id, actor_id)
    return [(row["action"], row["object_kind"], row["object_id"]) for row in rows]


async def test_a_group_leads_into_a_group_as_a_viewer_and_out_again_and_the_log_tells(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    teacher: Member,
    university: SetUpProvider,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
) -> None:
    course, lab = make_group(database, teacher), make_group(database, teacher)
    into = {"organisation": teacher.org_name}
    await add_rule(sign_on_app, operator, university, group="ml-*", into_group_id=str(course), **into)
    await add_rule(sign_on_app, operator, university, group="tutors", role="reviewer", into_group_id=str(lab), **into)
    await sign_on(visitor, university, real_identity_provider, "eve", groups=["ml-2026"])
    user_id = identity_of(database, "eve")["user_id"]
    assert (roles_of(database, user_id), groups_of(database, user_id)) == ({teacher.org_id: "viewer"}, {course: False})
    await sign_on(visitor, university, real_identity_provider, "eve", groups=["ml-2026", "tutors"])
    assert roles_of(database, user_id) == {teacher.org_id: "reviewer"}
    assert groups_of(database, user_id) == {course: False, lab: False}
    await sign_on(visitor, university, real_identity_provider, "eve", groups=["tutors"])
    assert groups_of(database, user_id) == {lab: False}
    await sign_on(visitor, university, real_identity_provider, "eve")
    assert (roles_of(database, user_id), groups_of(database, user_id)) == ({}, {})
    role = ("take_role_by_sign_on", "user", str(user_id))
    entered, left = (f"{what}_group_by_sign_on" for what in ("enter", "leave"))
    assert lines_of(database, teacher.org_id, user_id) == [
        *(role, (entered, "group", str(course)), role, (entered, "group", str(lab))),
        *((left, "group", str(course)), role),
    ]


async def test_what_is_granted_to_the_group_is_open_while_the_provider_names_it(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    teacher: Member,
    university: SetUpProvider,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
) -> None:
    course = make_group(database, teacher)
    # of another organisation, so that being a member of this one opens nothing
    elsewhere = make_member(database)
    dataset_id, address = make_dataset(database, elsewhere)
    make_grant(database, elsewhere, "dataset", dataset_id, group_id=course)
    into = {"organisation": teacher.org_name, "role": "viewer"}
    await add_rule(sign_on_app, operator, university, group="everybody", **into)
    await add_rule(sign_on_app, operator, university, group="course", into_group_id=str(course), **into)
    opened = []
    for groups in (["everybody"], ["everybody", "course"], ["everybody"]):
        await sign_on(visitor, university, real_identity_provider, "student", groups=groups)
        opened.append((await visitor.get(f"/api/v1/datasets/{address}")).status_code)
    assert opened == [404, 200, 404]


async def test_somebodys_own_data_tells_what_their_groups_gave(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    teacher: Member,
    university: SetUpProvider,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
) -> None:
    course = make_group(database, teacher, name="Course")
    rule = {"group": "course", "organisation": teacher.org_name, "into_group_id": str(course)}
    await add_rule(sign_on_app, operator, university, **rule)
    await sign_on(visitor, university, real_identity_provider, "curious", groups=["course"])
    scope = Scope(user_id=identity_of(database, "curious")["user_id"])
    told = {}
    async with transaction(sign_on_app.state.resources.database, scope, writes=False) as tx:
        for kind in ("sign_ons", "groups"):
            rows = await tx.scalars(text("SELECT d.data FROM definer.person_data(:kind) AS d (data)"), {"kind": kind})
            told[kind] = list(rows)
    assert told["sign_ons"][0]["gave"] == [
        {"kind": "organisation", "id": str(teacher.org_id), "role": "viewer"},
        {"kind": "group", "id": str(course)},
    ]
    group = {name: told["groups"][0][name] for name in ("organisation", "group", "by_hand")}
    assert group == {"organisation": teacher.org_name, "group": "Course", "by_hand": False}


async def test_who_is_in_a_group_by_hand_stays_there(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    teacher: Member,
    university: SetUpProvider,
    real_identity_provider: RealProvider,
) -> None:
    student = make_member(database, organisation=(teacher.org_id, teacher.org_name), role="viewer")
    before, between = make_group(database, teacher, student), make_group(database, teacher)
    into = {"organisation": teacher.org_name, "role": "owner"}
    for group_id in (before, between):
        await add_rule(sign_on_app, operator, university, group="course", into_group_id=str(group_id), **into)
    members = f"/api/v1/organisations/{teacher.org_name}/groups/{between}/members"
    real_identity_provider.set_person("by-hand", groups=["course"])
    async with signed_in_client(sign_on_app, student) as browser, as_person(sign_on_app, teacher) as owner:
        asked = await browser.post(f"{university.start}/connection", json={})
        await browser.get(await real_identity_provider.answer_for("by-hand", asked.json()["url"]))
        # a member by hand is led into the group and keeps the role they have
        assert roles_of(database, student.user_id) == {teacher.org_id: "viewer"}
        assert groups_of(database, student.user_id) == {before: True, between: False}
        assert (await owner.post(members, json={"user_id": str(student.user_id)})).status_code == 201
        await sign_on(browser, university, real_identity_provider, "by-hand")
        assert groups_of(database, student.user_id) == {before: True, between: True}
        # who was taken out by hand is led there again, and who was then put back by hand stays
        await sign_on(browser, university, real_identity_provider, "by-hand", groups=["course"])
        assert (await owner.delete(f"{members}/{student.user_id}")).status_code == 204
        await sign_on(browser, university, real_identity_provider, "by-hand", groups=["course"])
        assert groups_of(database, student.user_id) == {before: True, between: False}
        assert (await owner.delete(f"{members}/{student.user_id}")).status_code == 204
        assert (await owner.post(members, json={"user_id": str(student.user_id)})).status_code == 201
        await sign_on(browser, university, real_identity_provider, "by-hand")
    assert groups_of(database, student.user_id) == {before: True, between: True}
    assert roles_of(database, student.user_id) == {teacher.org_id: "viewer"}


@pytest.mark.deep
async def test_of_two_providers_that_lead_into_a_group_both_have_to_stop(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    teacher: Member,
    university: SetUpProvider,
    real_identity_provider: RealProvider,
) -> None:
    student = make_member(database, organisation=(teacher.org_id, teacher.org_name), role="viewer")
    course = make_group(database, teacher)
    other = await set_up_provider(sign_on_app, operator, real_identity_provider.url)
    rule = {"group": "course", "organisation": teacher.org_name, "into_group_id": str(course)}
    for provider in (university, other):
        await add_rule(sign_on_app, operator, provider, **rule)
    async with signed_in_client(sign_on_app, student) as browser:
        for provider, subject in ((university, "here"), (other, "there")):
            real_identity_provider.set_person(subject, groups=["course"])
            asked = await browser.post(f"{provider.start}/connection", json={})
            await browser.get(await real_identity_provider.answer_for(subject, asked.json()["url"]))
        await sign_on(browser, university, real_identity_provider, "here")
        assert groups_of(database, student.user_id) == {course: False}
        async with as_administrator(sign_on_app, operator) as client:
            assert (await client.delete(f"/api/v1/admin/sign-on-providers/{other.id}")).status_code == 204
    assert groups_of(database, student.user_id) == {}
    assert roles_of(database, student.user_id) == {teacher.org_id: "viewer"}


async def test_whoever_leaves_the_provider_leaves_the_group_while_away(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    teacher: Member,
    real_identity_provider: RealProvider,
) -> None:
    watched = await set_up_provider(sign_on_app, operator, real_identity_provider.url, refresh_minutes=60)
    course = make_group(database, teacher)
    into = {"organisation": teacher.org_name, "into_group_id": str(course)}
    await add_rule(sign_on_app, operator, watched, group="course", **into)
    async with browser_of(sign_on_app) as stays, browser_of(sign_on_app) as drops, browser_of(sign_on_app) as leaves:
        for browser, name in ((stays, "one-stays"), (drops, "one-drops"), (leaves, "one-leaves")):
            await sign_on(browser, watched, real_identity_provider, name, groups=["course"])
        staying, dropping, leaving = (
            identity_of(database, f"one-{what}")["user_id"] for what in ("stays", "drops", "leaves")
        )
        key_id, _ = make_key(database, org_id=teacher.org_id, user_id=leaving)
        real_identity_provider.set_person("one-drops", groups=[])
        real_identity_provider.revoke_tokens("one-leaves")
        await asked_about_everybody(sign_on_app, database)
    assert [groups_of(database, one) for one in (staying, dropping, leaving)] == [{course: False}, {}, {}]
    assert [roles_of(database, one) for one in (dropping, leaving)] == [{}, {}]
    assert rows_of(database, "SELECT revoked_at FROM api_keys WHERE id = %s", key_id)[0]["revoked_at"] is not None


async def test_a_rule_leads_into_no_group_of_another_organisation(
    sign_on_app: FastAPI, database: TestDatabase, operator: Member, teacher: Member, university: SetUpProvider
) -> None:
    foreign = make_group(database, make_member(database))
    async with as_administrator(sign_on_app, operator) as client:
        for group_id in (foreign, new_id()):
            rule = {"group": "course", "organisation": teacher.org_name, "into_group_id": str(group_id)}
            refused = await client.post(rules_path(university), json=rule)
            told = f"There is no group {group_id} in {teacher.org_name}."
            assert (refused.status_code, refused.json()["code"]) == (404, "group_not_found")
            assert refused.json()["detail"] == told
        assert (await client.get(rules_path(university))).json()["items"] == []


async def test_a_rule_is_shown_with_its_group_and_goes_with_it(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    teacher: Member,
    university: SetUpProvider,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
) -> None:
    course = make_group(database, teacher, name="Machine learning")
    into = {"organisation": teacher.org_name, "into_group_id": str(course)}
    await add_rule(sign_on_app, operator, university, group="ml", **into)
    plain = await add_rule(sign_on_app, operator, university, group="staff", organisation=teacher.org_name)
    await sign_on(visitor, university, real_identity_provider, "orphan", groups=["ml"])
    user_id = identity_of(database, "orphan")["user_id"]
    groups = f"/api/v1/organisations/{teacher.org_name}/groups"
    async with as_administrator(sign_on_app, operator) as client, as_person(sign_on_app, teacher) as owner:
        shown = (await client.get(rules_path(university))).json()["items"]
        assert [(one["role"], one["into_group_id"], one["into_group"]) for one in shown] == [
            ("viewer", str(course), "Machine learning"),
            ("viewer", None, None),
        ]
        assert (await owner.patch(f"{groups}/{course}", json={"name": "ML"})).status_code == 200
        assert (await client.get(rules_path(university))).json()["items"][0]["into_group"] == "ML"
        assert (await owner.delete(f"{groups}/{course}")).status_code == 204
        assert [one["id"] for one in (await client.get(rules_path(university))).json()["items"]] == [plain]
    assert rows_of(database, "SELECT 1 FROM sign_on_given_groups WHERE group_id = %s", course) == []
    await sign_on(visitor, university, real_identity_provider, "orphan", groups=["ml"])
    assert (roles_of(database, user_id), groups_of(database, user_id)) == ({}, {})


async def test_an_administrator_sees_the_groups_of_any_organisation_and_nobody_else_does(
    sign_on_app: FastAPI, database: TestDatabase, operator: Member, teacher: Member, stranger: Member
) -> None:
    older, newer = make_group(database, teacher, teacher), make_group(database, teacher)
    path = f"/api/v1/admin/organisations/{teacher.org_name}/groups"
    async with as_administrator(sign_on_app, operator) as client:
        first = (await client.get(path, params={"limit": 1})).json()
        assert [(one["id"], one["member_count"]) for one in first["items"]] == [(str(newer), 0)]
        rest = (await client.get(path, params={"limit": 1, "cursor": first["next"]})).json()["items"]
        assert [(one["id"], one["member_count"]) for one in rest] == [(str(older), 1)]
        assert (await client.get("/api/v1/admin/organisations/nowhere-at-all/groups")).status_code == 404
        # an organisation without groups is there all the same
        empty = f"/api/v1/admin/organisations/{stranger.org_name}/groups"
        assert (await client.get(empty)).json() == {"items": [], "next": None}
    for member in (teacher, stranger):
        async with as_person(sign_on_app, member) as client:
            assert (await client.get(path)).status_code == 403
