"""What weighs most takes somebody who has just shown that it is them, and no key."""

import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of, running_app
from fixtures.authenticators import Authenticator
from fixtures.factors import APPS, FACTORS, HEARS, changes_told, leave_open, set_up_phone
from fixtures.servers import TestDatabase
from fixtures.sign_in import PASSWORD, browser_of, give_password, sign_in, signed_in_client
from lyceum.accounts.edge import needs_fresh
from lyceum.accounts.factors.public import second_factors_of
from lyceum.kernel.config import Settings
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

STEP_UP = "/api/v1/me/step-up"
KEYS = "/api/v1/api-keys"
MANAGES = {"name": "k", "scopes": ["members:manage"]}


def routes_that_need_somebody_fresh(app: FastAPI) -> set[str]:
    routes = [route for route in app.routes if needs_fresh(getattr(route, "endpoint", None))]
    return {f"{method} {route.path}" for route in routes for method in route.methods}  # type: ignore[attr-defined]


def test_these_routes_need_somebody_who_has_just_shown_that_it_is_them(app: FastAPI) -> None:
    assert routes_that_need_somebody_fresh(app) >= {
        f"POST {APPS}",
        f"POST {APPS}/{{app_id}}/confirm",
        "POST /api/v1/me/passkeys",
        "POST /api/v1/me/passkeys/options",
        f"DELETE {FACTORS}/{{factor_id}}",
        "POST /api/v1/me/recovery-codes",
        "DELETE /api/v1/admin/users/{user_id}/factors",
        "POST /api/v1/me/deletion",
        "POST /api/v1/me/password",
        "DELETE /api/v1/organisations/{org}",
        "POST /api/v1/organisations/{org}/transfer",
        "PUT /api/v1/admin/users/{user_id}/administrator",
        "POST /api/v1/admin/users/{user_id}/impersonate",
        "POST /api/v1/admin/users/{user_id}/reset-link",
        "POST /api/v1/admin/users/{user_id}/consent-link",
        "POST /api/v1/admin/sign-on-providers",
        "PUT /api/v1/admin/sign-on-providers/{provider_id}",
        "DELETE /api/v1/admin/sign-on-providers/{provider_id}",
        "POST /api/v1/admin/sign-on-providers/{provider_id}/rules",
        "POST /api/v1/admin/oauth-clients",
        "PUT /api/v1/admin/oauth-clients/{client_id}",
        "POST /api/v1/admin/oauth-clients/{client_id}/secret",
        "DELETE /api/v1/admin/oauth-clients/{client_id}",
    }


async def test_a_session_left_open_neither_deletes_nor_hands_over_what_is_its_owners(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    base = f"/api/v1/organisations/{member.org_name}"
    async with signed_in_client(app, member) as client:
        leave_open(database, member.user_id)
        for method, path, body in (
            ("POST", "/api/v1/me/deletion", None),
            ("DELETE", base, {"name": member.org_name}),
            ("POST", f"{base}/transfer", {"user_id": str(member.user_id)}),
        ):
            refused = await client.request(method, path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "step_up_needed"), path
        assert (await client.post(STEP_UP, json={"password": PASSWORD})).status_code == 200
        assert (await client.post("/api/v1/me/deletion")).status_code == 202
        assert (await client.delete("/api/v1/me/deletion")).status_code == 204


async def test_a_password_steps_up_a_session_that_was_left_open(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    async with signed_in_client(app, member) as client:
        leave_open(database, member.user_id)
        refused = await client.post(APPS, json={"name": "phone"})
        assert (refused.status_code, refused.json()["code"], refused.json()["methods"]) == (
            403,
            "step_up_needed",
            ["password"],
        )
        wrong = await client.post(STEP_UP, json={"password": "wrong horse"})
        assert (wrong.status_code, wrong.json()["code"]) == (403, "step_up_refused")
        assert (await client.post(APPS, json={"name": "phone"})).status_code == 403
        stepped = await client.post(STEP_UP, json={"password": PASSWORD})
        assert stepped.status_code == 200
        assert (await client.post(APPS, json={"name": "phone"})).status_code == 201
        session = (await client.get("/api/v1/sessions")).json()["items"][0]
    assert session["stepped_up_until"] == stepped.json()["stepped_up_until"]


async def test_a_step_up_counts_at_once_in_every_process_and_for_its_session_alone(
    hub_settings: Settings, member: Member, database: TestDatabase
) -> None:
    async with (
        running_app(hub_settings) as one,
        running_app(hub_settings) as other,
        signed_in_client(one, member) as here,
        signed_in_client(one, member) as there,
        browser_of(other) as elsewhere,
    ):
        leave_open(database, member.user_id)
        elsewhere.cookies = here.cookies
        for client in (here, there, elsewhere):
            assert (await client.post(APPS, json={"name": "phone"})).json()["code"] == "step_up_needed"
        assert (await here.post(STEP_UP, json={"password": PASSWORD})).status_code == 200
        assert (await elsewhere.post(APPS, json={"name": "phone"})).status_code == 201
        assert (await there.post(APPS, json={"name": "phone"})).json()["code"] == "step_up_needed"


async def test_whoever_has_a_second_factor_steps_up_with_that_and_not_with_a_password(
    app: FastAPI, member: Member, database: TestDatabase, hub_settings: Settings
) -> None:
    authenticator = Authenticator(f"http://localhost:{hub_settings.port}")
    async with signed_in_client(app, member) as client:
        phone = await set_up_phone(client)
        options = (await client.post("/api/v1/me/passkeys/options")).json()["publicKey"]
        await client.post("/api/v1/me/passkeys", json={"name": "x", "credential": authenticator.create(options)})
    async with browser_of(app) as client:
        ticket = (await sign_in(client, await give_password(app, member.user_id))).json()["ticket"]
        await client.post(
            "/api/v1/sessions/second-factor", json={"ticket": ticket, "recovery": phone.recovery_codes[0]}
        )
        leave_open(database, member.user_id)
        refused = await client.delete(f"{FACTORS}/{phone.id}")
        assert refused.json()["methods"] == ["totp", "passkey"]
        by_password = await client.post(STEP_UP, json={"password": PASSWORD})
        assert (by_password.status_code, by_password.json()["methods"]) == (403, ["totp", "passkey"])
        code = phone.fresh_code(database)
        assert (await client.post(STEP_UP, json={"totp": code})).status_code == 200
        replayed = await client.post(STEP_UP, json={"totp": code})
        assert (replayed.status_code, replayed.json()["code"]) == (403, "step_up_refused")
        options = (await client.post(f"{STEP_UP}/passkey-options")).json()["publicKey"]
        signed = {"passkey": authenticator.get(options)}
        assert (await client.post(STEP_UP, json=signed)).status_code == 200
        assert (await client.post(STEP_UP, json=signed)).json()["code"] == "passkey_refused"


async def test_codes_and_passwords_are_guessed_no_oftener_here_than_at_sign_in(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase
) -> None:
    async with signed_in_client(app, member) as client:
        tried = [(await client.post(STEP_UP, json={"password": "wrong"})).status_code for _ in range(6)]
        assert tried == [403] * 5 + [429]
        assert (await sign_in(client, await give_password(app, member.user_id))).status_code == 429
    async with signed_in_client(app, stranger) as client:
        phone = await set_up_phone(client)
        shown = {phone.code(steps=step) for step in range(-3, 4)}
        wrong = next(code for code in ("000000", "111111", "222222") if code not in shown)
        tried = [(await client.post(STEP_UP, json={"totp": wrong})).status_code for _ in range(6)]
        assert tried == [403] * 5 + [429]


async def test_a_key_cannot_step_up_nor_make_keys_that_manage(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    async with client_of(app, key=member.key) as client:
        assert (await client.post(STEP_UP, json={"password": PASSWORD})).json()["code"] == "session_needed"
        assert (await client.post(KEYS, json=MANAGES)).json()["code"] == "session_needed"
        made = await client.post(KEYS, json={"name": "k"})
        assert made.status_code == 201
        assert not [scope for scope in made.json()["scopes"] if scope.endswith(":manage")]
    async with signed_in_client(app, member) as session:
        leave_open(database, member.user_id)
        assert (await session.post(KEYS, json={"name": "k"})).status_code == 201
        assert (await session.post(KEYS, json=MANAGES)).json()["code"] == "step_up_needed"
        await session.post(STEP_UP, json={"password": PASSWORD})
        assert (await session.post(KEYS, json=MANAGES)).status_code == 201


async def test_whoever_acts_as_somebody_else_is_not_them(app: FastAPI, member: Member, database: TestDatabase) -> None:
    administrator = make_member(database)
    async with signed_in_client(app, member) as client:
        own = "UPDATE sessions SET impersonator_id = %s WHERE user_id = %s"
        rows_of(database, own, administrator.user_id, member.user_id)
        for path, body in ((APPS, {"name": "phone"}), (STEP_UP, {"password": PASSWORD})):
            refused = await client.post(path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize("given", [{}, {"password": "x", "totp": "123456"}, {"recovery": "a" * 24}])
async def test_a_step_up_shows_one_thing(app: FastAPI, member: Member, given: dict[str, str]) -> None:
    async with signed_in_client(app, member) as client:
        assert (await client.post(STEP_UP, json=given)).status_code == 422


async def test_who_owns_an_account_is_told_what_changed_of_it(
    hub_settings: Settings, member: Member, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.wiring.SUBSCRIPTIONS", (HEARS,))
    async with running_app(hub_settings) as app:
        async with signed_in_client(app, member) as client:
            phone = await set_up_phone(client)
            fresh = (await client.post("/api/v1/me/recovery-codes")).json()["codes"]
        async with browser_of(app) as client:
            ticket = (await sign_in(client, await give_password(app, member.user_id))).json()["ticket"]
            given = {"ticket": ticket, "recovery": fresh[0]}
            assert (await client.post("/api/v1/sessions/second-factor", json=given)).status_code == 201
            assert (await client.delete(f"{FACTORS}/{phone.id}")).status_code == 204
        async with transaction(app.state.resources.database, member.scope) as tx:
            assert await second_factors_of(tx, member.user_id) == ()
    assert changes_told(database, member.user_id) == [
        "authenticator_app_added",
        "recovery_codes_renewed",
        "recovery_code_used",
        "authenticator_app_removed",
    ]
    said = rows_of(database, "SELECT args::text AS args FROM jobs WHERE args ->> 'subscriber' = %s", HEARS.subscriber)
    assert not any(code in row["args"] for code in fresh for row in said)
