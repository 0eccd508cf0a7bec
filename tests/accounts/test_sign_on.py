"""Signing on through a real identity provider: accounts, groups, and people who leave."""

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.factors import FACTORS
from fixtures.identity_provider import CLIENT_SECRET, RealProvider
from fixtures.people import as_administrator, as_person
from fixtures.servers import TestDatabase
from fixtures.sign_in import browser_of, give_password, signed_in_client
from make.accounts import Member, make_key, make_member, make_organisation
from make.signon import (
    SetUpProvider,
    add_rule,
    asked_about_everybody,
    identity_of,
    problem_of,
    roles_of,
    set_up_provider,
    sign_on,
    until_signed_out,
)

ME = "/api/v1/me"


async def test_somebody_new_signs_on_and_has_an_account(
    database: TestDatabase, university: SetUpProvider, visitor: httpx.AsyncClient, real_identity_provider: RealProvider
) -> None:
    told = {"name": "Ada L.", "email": "Ada.new@uni.example", "email_verified": True}
    answer = await sign_on(visitor, university, real_identity_provider, "ada-new", **told)
    assert (answer.status_code, answer.headers["location"]) == (303, "/datasets")
    sessions = (await visitor.get("/api/v1/sessions")).json()["items"]
    assert [session["signed_in_with"] for session in sessions] == [f"sign-on:{university.name}"]
    identity = identity_of(database, "ada-new")
    user = rows_of(database, "SELECT * FROM users WHERE id = %s", identity["user_id"])[0]
    assert (user["email"], user["display_name"], user["password_hash"]) == ("Ada.new@uni.example", "Ada L.", None)
    assert not (await visitor.get(FACTORS)).json()["has_password"]
    assert not any(name.startswith("lyceum_sign_on") for name in visitor.cookies)


async def test_somebody_known_comes_back_to_their_account_whatever_their_address_is_by_now(
    sign_on_app: FastAPI,
    database: TestDatabase,
    university: SetUpProvider,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
) -> None:
    await sign_on(visitor, university, real_identity_provider, "bo", email="bo@uni.example", email_verified=True)
    first = identity_of(database, "bo")["user_id"]
    async with browser_of(sign_on_app) as other:
        await sign_on(other, university, real_identity_provider, "bo", email="bo2@uni.example", email_verified=True)
        assert len((await other.get("/api/v1/sessions")).json()["items"]) == 2
    assert identity_of(database, "bo")["user_id"] == first


async def test_an_account_is_joined_by_e_mail_only_where_the_provider_is_trusted_and_says_it_is_confirmed(
    sign_on_app: FastAPI, database: TestDatabase, operator: Member, real_identity_provider: RealProvider
) -> None:
    email = f"{operator.user_id.hex}@example.org"
    trusted = await set_up_provider(sign_on_app, operator, real_identity_provider.url, trusts_email=True)
    plain = await set_up_provider(sign_on_app, operator, real_identity_provider.url)
    await give_password(sign_on_app, operator.user_id)
    async with browser_of(sign_on_app) as browser:
        refused = await sign_on(browser, plain, real_identity_provider, "grace", email=email, email_verified=True)
        assert problem_of(refused) == "sign_on_email_taken"
        # somebody else's address that nobody confirmed gives an account without it
        other = await sign_on(browser, trusted, real_identity_provider, "mallory", email=email, email_verified=False)
        assert problem_of(other) is None
        assert identity_of(database, "mallory")["user_id"] != operator.user_id
    async with browser_of(sign_on_app) as browser:
        joined = await sign_on(
            browser, trusted, real_identity_provider, "grace", email=email.upper(), email_verified=True
        )
        assert problem_of(joined) is None
        assert (await browser.get(ME)).json()["user_id"] == str(operator.user_id)
    # whoever made the account had not shown that the address is theirs
    user = rows_of(database, "SELECT * FROM users WHERE id = %s", operator.user_id)[0]
    assert user["password_hash"] is None
    assert user["email_verified_at"] is not None


@pytest.mark.parametrize("trusted", [True, False])
async def test_an_address_is_known_to_be_somebodys_where_the_provider_is_trusted_for_it(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
    *,
    trusted: bool,
) -> None:
    chosen = await set_up_provider(sign_on_app, operator, real_identity_provider.url, trusts_email=trusted)
    told = {"email": f"{chosen.name}@uni.example", "email_verified": True}
    await sign_on(visitor, chosen, real_identity_provider, f"new-{chosen.name}", **told)
    me = (await visitor.get(ME)).json()
    assert (me["email"], me["email_verified"]) == (told["email"], trusted)


async def test_groups_give_nothing_in_an_organisation_that_is_deleted(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    university: SetUpProvider,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
) -> None:
    owner = make_member(database)
    await add_rule(sign_on_app, operator, university, group="lab", organisation=owner.org_name, role="viewer")
    await sign_on(visitor, university, real_identity_provider, "gone", groups=["lab"])
    user_id = identity_of(database, "gone")["user_id"]
    assert roles_of(database, user_id) == {owner.org_id: "viewer"}
    async with as_person(sign_on_app, owner) as client:
        path = f"/api/v1/organisations/{owner.org_name}"
        assert (await client.request("DELETE", path, json={"name": owner.org_name})).status_code == 202
    async with as_administrator(sign_on_app, operator) as client:
        rules = await client.get(f"/api/v1/admin/sign-on-providers/{university.id}/rules")
    assert rules.json()["items"] == []
    assert rows_of(database, "SELECT 1 FROM sign_on_given WHERE target_id = %s", owner.org_id) == []
    await sign_on(visitor, university, real_identity_provider, "gone", groups=["lab"])
    assert roles_of(database, user_id) == {}


async def test_somebody_signed_in_connects_a_provider_and_parts_with_it(
    sign_on_app: FastAPI,
    database: TestDatabase,
    member: Member,
    university: SetUpProvider,
    real_identity_provider: RealProvider,
) -> None:
    async with signed_in_client(sign_on_app, member) as browser:
        asked = await browser.post(f"{university.start}/connection", json={"return_to": "/settings"})
        back = await real_identity_provider.answer_for("linked", asked.json()["url"])
        answer = await browser.get(back)
        assert answer.headers["location"] == "/settings"
        assert identity_of(database, "linked")["user_id"] == member.user_id
        connections = (await browser.get("/api/v1/me/sign-ons")).json()["items"]
        assert [one["provider"] for one in connections] == [university.name]
        gone = await browser.delete(f"/api/v1/me/sign-ons/{connections[0]['id']}")
        assert gone.status_code == 204
        assert (await browser.get("/api/v1/me/sign-ons")).json()["items"] == []


async def test_the_only_way_in_is_not_parted_with_and_what_is_connected_elsewhere_stays(
    sign_on_app: FastAPI,
    member: Member,
    university: SetUpProvider,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
) -> None:
    await sign_on(visitor, university, real_identity_provider, "only")
    connection = (await visitor.get("/api/v1/me/sign-ons")).json()["items"][0]
    refused = await visitor.delete(f"/api/v1/me/sign-ons/{connection['id']}")
    assert refused.json()["code"] == "last_way_in"
    async with signed_in_client(sign_on_app, member) as browser:
        assert (await browser.delete(f"/api/v1/me/sign-ons/{connection['id']}")).status_code == 404
        asked = await browser.post(f"{university.start}/connection", json={})
        answer = await browser.get(await real_identity_provider.answer_for("only", asked.json()["url"]))
        assert problem_of(answer) == "sign_on_connected_elsewhere"


async def test_groups_give_roles_and_take_them_back(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    university: SetUpProvider,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
) -> None:
    (lab, lab_name), (course, course_name) = make_organisation(database), make_organisation(database)
    for group, organisation, role in (
        ("lab", lab_name, "maintainer"),
        ("staff", lab_name, "viewer"),
        ("course-*", course_name, "reviewer"),
    ):
        await add_rule(sign_on_app, operator, university, group=group, organisation=organisation, role=role)
    await sign_on(visitor, university, real_identity_provider, "cy", groups=["lab", "staff", "course-2026", "else"])
    user_id = identity_of(database, "cy")["user_id"]
    assert roles_of(database, user_id) == {lab: "maintainer", course: "reviewer"}
    await sign_on(visitor, university, real_identity_provider, "cy", groups=["staff"])
    assert roles_of(database, user_id) == {lab: "viewer"}
    await sign_on(visitor, university, real_identity_provider, "cy")
    assert roles_of(database, user_id) == {}


async def test_a_membership_given_by_hand_is_left_as_it_is(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    member: Member,
    university: SetUpProvider,
    real_identity_provider: RealProvider,
) -> None:
    await add_rule(sign_on_app, operator, university, group="all", organisation=member.org_name, role="viewer")
    real_identity_provider.set_person("hand", groups=["all"])
    async with signed_in_client(sign_on_app, member) as browser:
        asked = await browser.post(f"{university.start}/connection", json={})
        await browser.get(await real_identity_provider.answer_for("hand", asked.json()["url"]))
        assert roles_of(database, member.user_id) == {member.org_id: "owner"}
        await sign_on(browser, university, real_identity_provider, "hand")
    assert roles_of(database, member.user_id) == {member.org_id: "owner"}


@pytest.mark.parametrize(
    "admits,domains,groups,problem",
    [
        ("known", [], ["open"], "sign_on_not_admitted"),
        ("mapped", [], [], "sign_on_not_admitted"),
        ("mapped", [], ["open"], None),
        ("everyone", ["uni.example"], [], None),
        ("everyone", ["else.example"], ["open"], "sign_on_not_admitted"),
    ],
)
async def test_only_those_get_an_account_whom_the_provider_is_set_to_admit(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
    admits: str,
    domains: list[str],
    groups: list[str],
    problem: str | None,
) -> None:
    chosen = await set_up_provider(
        sign_on_app, operator, real_identity_provider.url, admits=admits, email_domains=domains
    )
    await add_rule(
        sign_on_app, operator, chosen, group="open", organisation=make_organisation(database)[1], role="viewer"
    )
    subject = f"new-{chosen.name}"
    told = {"email": f"{subject}@uni.example", "email_verified": True, "groups": groups}
    answer = await sign_on(visitor, chosen, real_identity_provider, subject, **told)
    assert problem_of(answer) == problem
    assert bool(rows_of(database, "SELECT 1 FROM sign_on_identities WHERE subject = %s", subject)) is (problem is None)


async def test_somebody_suspended_does_not_sign_on(
    database: TestDatabase, university: SetUpProvider, visitor: httpx.AsyncClient, real_identity_provider: RealProvider
) -> None:
    await sign_on(visitor, university, real_identity_provider, "sus")
    user_id = identity_of(database, "sus")["user_id"]
    rows_of(database, "UPDATE users SET suspended_at = now() WHERE id = %s", user_id)
    answer = await sign_on(visitor, university, real_identity_provider, "sus")
    assert problem_of(answer) == "sign_on_refused"
    # another try comes to the same page
    assert httpx.URL(answer.headers["location"]).params["return_to"] == "/datasets"


async def test_the_sign_in_page_offers_every_provider(university: SetUpProvider, visitor: httpx.AsyncClient) -> None:
    options = (await visitor.get("/api/v1/sign-in-options")).json()
    assert {"id": university.name, "name": "The university"} in options["providers"]
    # without a public address the hub is `localhost` to whoever sits at its machine
    assert options["passkeys"]


async def test_whoever_the_provider_knows_no_longer_loses_sessions_keys_and_roles_while_away(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    real_identity_provider: RealProvider,
) -> None:
    watched = await set_up_provider(sign_on_app, operator, real_identity_provider.url, refresh_minutes=60)
    lab, lab_name = make_organisation(database)
    await add_rule(sign_on_app, operator, watched, group="lab", organisation=lab_name, role="maintainer")
    await add_rule(sign_on_app, operator, watched, group="staff", organisation=lab_name, role="viewer")
    async with browser_of(sign_on_app) as stays, browser_of(sign_on_app) as leaves:
        await sign_on(stays, watched, real_identity_provider, "stays", groups=["lab"])
        await sign_on(leaves, watched, real_identity_provider, "leaves", groups=["lab"])
        staying, leaving = (identity_of(database, name)["user_id"] for name in ("stays", "leaves"))
        key_id, key = make_key(database, org_id=lab, user_id=leaving)
        real_identity_provider.set_person("stays", groups=["staff"])
        real_identity_provider.revoke_tokens("leaves")
        await asked_about_everybody(sign_on_app, database)
        assert roles_of(database, staying) == {lab: "viewer"}
        assert roles_of(database, leaving) == {}
        assert (await stays.get("/api/v1/sessions")).status_code == 200
        assert rows_of(database, "SELECT revoked_at FROM api_keys WHERE id = %s", key_id)[0]["revoked_at"] is not None
        await until_signed_out(leaves)
        async with client_of(sign_on_app, key=key) as program:
            assert (await program.get(ME)).status_code == 401
        # who comes back is given again what their groups give
        await sign_on(leaves, watched, real_identity_provider, "leaves", groups=["lab"])
        assert roles_of(database, leaving) == {lab: "maintainer"}


async def test_what_administrators_set_up_is_theirs_alone_and_shows_no_secret(
    sign_on_app: FastAPI, operator: Member, member: Member, university: SetUpProvider
) -> None:
    path = "/api/v1/admin/sign-on-providers"
    async with as_administrator(sign_on_app, operator) as client:
        shown = await client.get(f"{path}/{university.id}")
        assert CLIENT_SECRET not in shown.text
        assert not {"client_secret", "client_secret_sealed"} & shown.json().keys()
        assert shown.json()["redirect_uri"] == f"http://127.0.0.1:8000/api/v1/sign-on/{university.name}/callback"
        tried = await client.post(f"{path}/{university.id}/test")
        assert (tried.status_code, tried.json()["keys"]) == (200, 1)
        kept = ("title", "discovery_url", "client_id", "admits")
        change = {name: shown.json()[name] for name in kept} | {"title": "Another"}
        stale = await client.put(f"{path}/{university.id}", json=change, headers={"if-match": '"7"'})
        assert stale.status_code == 412
        changed = await client.put(f"{path}/{university.id}", json=change, headers={"if-match": shown.headers["etag"]})
        assert (changed.json()["title"], changed.headers["etag"]) == ("Another", '"2"')
        assert university.name in {one["name"] for one in (await client.get(path)).json()["items"]}
        for name, value in (("discovery_url", "http://uni.example"), ("scopes", ["email"]), ("email_domains", ["a b"])):
            refused = await client.post(path, json={**change, "name": "x", "client_secret": "x", name: value})
            assert (refused.status_code, refused.json()["code"]) == (422, "sign_on_provider_unusable")
        assert (await client.delete(f"{path}/{university.id}")).status_code == 204
        assert (await client.get(university.start)).status_code == 404
    async with client_of(sign_on_app, key=member.key) as client:
        assert (await client.get(path)).status_code == 403
        assert (await client.post(path, json={})).status_code == 403


async def test_removing_a_provider_takes_back_what_its_groups_gave(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    university: SetUpProvider,
    visitor: httpx.AsyncClient,
    real_identity_provider: RealProvider,
) -> None:
    lab, lab_name = make_organisation(database)
    rule = await add_rule(sign_on_app, operator, university, group="lab", organisation=lab_name, role="owner")
    await sign_on(visitor, university, real_identity_provider, "dee", groups=["lab"])
    user_id = identity_of(database, "dee")["user_id"]
    assert roles_of(database, user_id) == {lab: "owner"}
    path = f"/api/v1/admin/sign-on-providers/{university.id}"
    async with as_administrator(sign_on_app, operator) as client:
        assert [one["group"] for one in (await client.get(f"{path}/rules")).json()["items"]] == ["lab"]
        assert (await client.delete(path)).status_code == 204
        assert (await client.delete(f"{path}/rules/{rule}")).status_code == 404
    assert roles_of(database, user_id) == {}
