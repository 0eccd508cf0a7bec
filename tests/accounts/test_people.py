"""Making an account, changing oneself, and links that set a password anew."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of, running_app, settings_for
from fixtures.servers import TestDatabase
from fixtures.sign_in import (
    PASSWORD,
    browser_of,
    give_password,
    program_of,
    sign_in,
    signed_in_client,
    token_in_letter,
)
from lyceum.accounts.public import letter_of
from lyceum.kernel.db import NOBODY
from lyceum.kernel.ids import new_id
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

ME = "/api/v1/me"
NEW_PASSWORD = "staple of four words"


@asynccontextmanager
async def hub_with(
    database: TestDatabase, home: Path, **settings: Any
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """Yield a hub with these settings, without Valkey, and a browser at it."""
    async with running_app(settings_for(database, home, **settings)) as app, browser_of(app) as browser:
        yield app, browser


def wanted(**more: Any) -> dict[str, Any]:
    email = f"{new_id().hex}@school.example"
    return {"email": email, "password": PASSWORD, "display_name": "Ada L", **more}


async def register(client: httpx.AsyncClient, given: dict[str, Any]) -> httpx.Response:
    return await client.post("/api/v1/registrations", json=given)


async def test_me_says_who_one_is_and_where(app: FastAPI, member: Member) -> None:
    async with signed_in_client(app, member) as client, client_of(app, key=member.key) as by_key:
        me, key = (await client.get(ME)).json(), (await by_key.get(ME)).json()
    assert me["email"] == f"{member.user_id.hex}@example.org"
    assert me["organisations"] == [
        {"id": str(member.org_id), "name": member.org_name, "title": member.org_name, "role": "owner"}
    ]
    assert (me["email_verified"], me["operates_hub"], me["locale"]) == (False, False, None)
    assert me["session"]["current"] is True
    assert key["session"] is None
    assert key["user_id"] == me["user_id"]


async def test_one_changes_name_and_language_and_what_is_left_out_stays(app: FastAPI, member: Member) -> None:
    async with signed_in_client(app, member) as client:
        assert (await client.patch(ME, json={"display_name": "Ada"})).json()["display_name"] == "Ada"
        me = (await client.patch(ME, json={"locale": "de"})).json()
        refused = await client.patch(ME, json={"locale": "../x"})
    assert (me["display_name"], me["locale"]) == ("Ada", "de")
    assert refused.status_code == 422


async def test_one_says_what_one_uses_the_hub_for(app: FastAPI, member: Member) -> None:
    async with signed_in_client(app, member) as client:
        assert (await client.get(ME)).json()["purpose"] is None
        assert (await client.patch(ME, json={"purpose": "course"})).json()["purpose"] == "course"
        assert (await client.patch(ME, json={"display_name": "Ada"})).json()["purpose"] == "course"
        assert (await client.patch(ME, json={"purpose": "mischief"})).status_code == 422


async def test_a_new_password_takes_the_present_one_and_ends_the_other_sessions(app: FastAPI, member: Member) -> None:
    async with signed_in_client(app, member) as here, program_of(app, member) as (there, said):
        wrong = await here.post("/api/v1/me/password", json={"current": "wrong", "new": NEW_PASSWORD})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "password_wrong")
        given = {"current": PASSWORD, "new": NEW_PASSWORD}
        assert (await here.post("/api/v1/me/password", json=given)).status_code == 204
        assert (await here.get("/api/v1/sessions")).status_code == 200
        again = {"refresh_token": said["refresh_token"]}
        assert (await there.post("/api/v1/sessions/refresh", json=again)).status_code == 401
        email = (await here.get(ME)).json()["email"]
        assert (await sign_in(there, email, NEW_PASSWORD, cookies=False)).status_code == 201


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "password123",
        "P@ssword1!" * 30,
        "qwertyuiop",
        "1234567890123",
        "aaaaaaaaaaaaa",
        "lyceum2026!!",
        "ada.lovelace1",
    ],
)
async def test_a_password_that_is_guessed_first_is_refused(
    database: TestDatabase, tmp_path: Path, password: str
) -> None:
    async with hub_with(database, tmp_path, registration="open") as (_, browser):
        refused = await register(browser, wanted(password=password, display_name="Ada Lovelace"))
    assert (refused.status_code, refused.json()["code"]) == (422, "password_weak")


@pytest.mark.parametrize("mode", ["off", "invitation", "domain"])
async def test_without_an_invitation_an_account_takes_an_open_hub(
    database: TestDatabase, tmp_path: Path, mode: str
) -> None:
    """By domain too, as long as no letter can show whose an address is."""
    domains = {"registration_domains": "school.example"} if mode == "domain" else {}
    async with hub_with(database, tmp_path, registration=mode, **domains) as (_, browser):
        refused = await register(browser, wanted())
        options = (await browser.get("/api/v1/sign-in-options")).json()
    assert (refused.status_code, refused.json()["code"]) == (403, "registration_closed")
    assert options["registration"] == ("invitation" if mode == "domain" else mode)
    assert (options["mail"], options["domains"], options["password_characters_min"]) == (False, [], 10)


async def test_on_an_open_hub_without_mail_whoever_registers_is_signed_in(
    database: TestDatabase, tmp_path: Path
) -> None:
    async with hub_with(database, tmp_path, registration="open") as (_, browser):
        given = wanted()
        made = await register(browser, given)
        assert (made.status_code, made.json()["state"]) == (201, "signed_in")
        me = (await browser.get(ME)).json()
        assert (me["email"], me["organisation"], me["organisations"]) == (given["email"], None, [])
        taken = await register(browser, given | {"email": given["email"].upper()})
        assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")


async def test_with_mail_an_address_is_confirmed_before_one_signs_in(database: TestDatabase, tmp_path: Path) -> None:
    settings = {"registration": "domain", "registration_domains": "school.example", "mail_url": "smtp://127.0.0.1:1"}
    async with hub_with(database, tmp_path, **settings) as (app, browser):
        given = wanted()
        assert (await register(browser, wanted(email="x@elsewhere.example"))).json()["code"] == "registration_closed"
        assert (await register(browser, given)).json() == {"state": "verify_email", "session": None}
        waits = await sign_in(browser, given["email"])
        assert (waits.status_code, waits.json()["code"], waits.json()["waits_for"]) == (403, "account_waits", "email")
        token = await token_in_letter(app, database, "verify_email", given["email"])
        confirmed = await browser.post("/api/v1/email-confirmations", json={"token": token})
        assert confirmed.json() == {"state": "ready", "email": given["email"]}
        again = await browser.post("/api/v1/email-confirmations", json={"token": token})
        assert (again.status_code, again.json()["code"]) == (410, "link_used")
        assert (await sign_in(browser, given["email"])).status_code == 201
        assert (await browser.get(ME)).json()["email_verified"] is True


async def test_with_mail_nobody_learns_who_has_an_account(
    database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    async with hub_with(database, tmp_path, registration="open", mail_url="smtp://127.0.0.1:1") as (app, browser):
        email = await give_password(app, member.user_id)
        taken, fresh = await register(browser, wanted(email=email)), await register(browser, wanted())
        assert (taken.status_code, taken.content) == (fresh.status_code, fresh.content)
        assert await token_in_letter(app, database, "reset_password", email) is not None
        known = await browser.post("/api/v1/password-resets", json={"email": email})
        unknown = await browser.post("/api/v1/password-resets", json={"email": "nobody@example.org"})
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, b"null")
        assert await token_in_letter(app, database, "reset_password", "nobody@example.org") is None


async def test_a_reset_password_opens_the_account_and_ends_every_session_and_link(
    database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    async with (
        hub_with(database, tmp_path, mail_url="smtp://127.0.0.1:1") as (app, browser),
        program_of(app, member) as (thief, said),
    ):
        email = f"{member.user_id.hex}@example.org"
        tokens = []
        for _ in range(2):
            await browser.post("/api/v1/password-resets", json={"email": email})
            tokens.append(await token_in_letter(app, database, "reset_password", email))

        async def reset(token: str | None, password: str) -> httpx.Response:
            return await browser.post("/api/v1/password-resets/confirm", json={"token": token, "password": password})

        assert (await reset(tokens[1], "password123")).json()["code"] == "password_weak"
        assert (await reset(tokens[1], NEW_PASSWORD)).status_code == 204
        assert [(await reset(token, NEW_PASSWORD)).status_code for token in tokens] == [410, 410]
        again = {"refresh_token": said["refresh_token"]}
        assert (await thief.post("/api/v1/sessions/refresh", json=again)).status_code == 401
        assert (await sign_in(browser, email)).status_code == 401
        assert (await sign_in(browser, email, NEW_PASSWORD)).status_code == 201


async def test_a_letters_link_leads_to_the_hub_whatever_host_was_asked_for_it(
    database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    email = f"{member.user_id.hex}@example.org"
    named = {"host": "localhost:9", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    async with hub_with(database, tmp_path, mail_url="smtp://127.0.0.1:1") as (app, browser):
        del browser.headers["origin"]
        asked = await browser.post("/api/v1/password-resets", json={"email": email}, headers=named)
        assert asked.status_code == 202
        resources = app.state.resources
        [link] = rows_of(database, "SELECT id FROM one_time_links WHERE email = %s", email)
        async with transaction(resources.database, NOBODY) as tx:
            letter = await letter_of(tx, link["id"], resources=resources)
    assert letter is not None
    assert letter.url.startswith(f"{resources.settings.base_url}/reset?token=")


async def test_an_address_gets_no_more_than_a_few_letters_an_hour(
    database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    email = f"{member.user_id.hex}@example.org"
    async with hub_with(database, tmp_path, mail_url="smtp://127.0.0.1:1") as (_, browser):
        asked = [await browser.post("/api/v1/password-resets", json={"email": email}) for _ in range(8)]
    assert {answer.status_code for answer in asked} == {202}
    assert len(rows_of(database, "SELECT 1 FROM one_time_links WHERE email = %s", email)) == 5


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: "", lambda t: "ä" * 64, lambda t: t * 2]
)
async def test_a_token_that_was_made_up_does_nothing(
    database: TestDatabase, tmp_path: Path, member: Member, change: Any
) -> None:
    async with hub_with(database, tmp_path) as (app, browser):
        email = f"{member.user_id.hex}@example.org"
        await browser.post("/api/v1/password-resets", json={"email": email})
        token = change(await token_in_letter(app, database, "reset_password", email)) or "x"
        given = {"token": token, "password": NEW_PASSWORD}
        refused = await browser.post("/api/v1/password-resets/confirm", json=given)
        assert (refused.status_code, refused.json()["code"]) == (410, "link_used")
        real = await token_in_letter(app, database, "reset_password", email)
        other_kind = await browser.post("/api/v1/email-confirmations", json={"token": real})
        assert other_kind.status_code == 410


async def test_the_administrator_hands_over_a_link_that_sets_a_password(
    app: FastAPI, client: httpx.AsyncClient, member: Member, browser: httpx.AsyncClient, database: TestDatabase
) -> None:
    path = f"/api/v1/admin/users/{member.user_id}/reset-link"
    assert (await client.post(path)).json()["code"] == "session_needed"
    administrator = make_member(database)
    rows_of(database, "UPDATE users SET instance_admin = true WHERE id = %s", administrator.user_id)
    async with signed_in_client(app, administrator) as session:
        made = await session.post(path)
        unknown = await session.post(f"/api/v1/admin/users/{new_id()}/reset-link")
    rows_of(database, "UPDATE users SET instance_admin = false WHERE id = %s", administrator.user_id)
    assert made.status_code == 201
    assert unknown.json()["code"] == "person_not_found"
    token = parse_qs(urlsplit(made.json()["url"]).query)["token"][0]
    given = {"token": token, "password": NEW_PASSWORD}
    assert (await browser.post("/api/v1/password-resets/confirm", json=given)).status_code == 204
    assert (await sign_in(browser, f"{member.user_id.hex}@example.org", NEW_PASSWORD)).status_code == 201
    assert (await browser.get(ME)).json()["email_verified"] is False
    async with client_of(app, key=member.key) as owner:
        assert (await owner.post(path)).status_code == 403


async def test_a_minor_waits_for_a_guardian_where_the_hub_asks_for_that(database: TestDatabase, tmp_path: Path) -> None:
    async with hub_with(database, tmp_path, registration="open", registration_age_min=16) as (app, browser):
        assert (await register(browser, wanted())).json()["code"] == "birth_date_needed"
        assert (await register(browser, wanted(birth_date="1990-02-28"))).json()["state"] == "signed_in"
        given = wanted(birth_date="2024-02-29")
        assert (await register(browser, given)).json()["code"] == "guardian_needed"
        given["guardian_email"] = f"parent-of-{given['email']}"
        assert (await register(browser, given)).json() == {"state": "guardian", "session": None}
        assert (await sign_in(browser, given["email"])).json()["waits_for"] == "guardian"
        token = await token_in_letter(app, database, "guardian_consent", given["guardian_email"])
        agreed = await browser.post("/api/v1/guardian-consents", json={"token": token})
        assert agreed.json() == {"display_name": "Ada L"}
        assert (await sign_in(browser, given["email"])).status_code == 201
