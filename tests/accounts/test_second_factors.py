"""An app that shows codes as a second factor: setting it up, signing in with it, and what an attacker tries."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of, running_app
from fixtures.factors import APPS, FACTORS, SECOND, Phone, leave_open, set_up_phone
from fixtures.servers import TestDatabase
from fixtures.sign_in import browser_of, give_password, sign_in, signed_in_client
from lyceum.accounts.factors.tickets import GUESSES_MAX
from lyceum.kernel.config import Settings
from make.accounts import Member, make_member

ME = "/api/v1/me"


async def phone_of(app: FastAPI, member: Member) -> Phone:
    """Give a member an app that shows codes."""
    async with signed_in_client(app, member) as client:
        return await set_up_phone(client)


async def first_step(client: httpx.AsyncClient, app: FastAPI, member: Member) -> str:
    """Return the ticket that the right password gets."""
    answer = await sign_in(client, await give_password(app, member.user_id))
    assert (answer.status_code, answer.json()["state"]) == (200, "second_factor")
    return str(answer.json()["ticket"])


async def second_step(client: httpx.AsyncClient, ticket: str, **given: object) -> httpx.Response:
    return await client.post(SECOND, json={"ticket": ticket, **given})


def wrong(phone: Phone) -> str:
    """Return a code that the phone does not show."""
    shown = {phone.code(steps=step) for step in range(-3, 4)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in shown)


async def test_an_app_counts_once_it_has_shown_the_right_code_and_brings_recovery_codes(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    async with signed_in_client(app, member) as client:
        begun = (await client.post(APPS, json={"name": "phone"})).json()
        assert begun["uri"].startswith("otpauth://totp/Lyceum:")
        assert begun["secret"] in begun["uri"]
        assert begun["qr_svg"].startswith("<svg")
        assert (await client.get(FACTORS)).json()["factors"] == []
        refused = await client.post(f"{APPS}/{begun['id']}/confirm", json={"code": "000000"})
        assert (refused.status_code, refused.json()["code"]) == (422, "code_wrong")
        phone = await set_up_phone(client)
        seen = (await client.get(FACTORS)).json()
    assert [(one["kind"], one["name"], one["id"]) for one in seen["factors"]] == [("totp", "phone", phone.id)]
    assert (len(phone.recovery_codes), seen["recovery_codes_left"]) == (10, 10)
    assert seen["has_password"]
    assert (seen["required"], seen["passkeys_possible"]) == (False, True)
    kept = rows_of(database, "SELECT secret_sealed FROM authenticator_apps WHERE user_id = %s", member.user_id)
    assert len(kept) == 1
    assert phone.secret not in bytes(kept[0]["secret_sealed"])


async def test_whoever_has_one_signs_in_with_password_and_code(
    app: FastAPI, member: Member, browser: httpx.AsyncClient, database: TestDatabase
) -> None:
    phone = await phone_of(app, member)
    asked = await sign_in(browser, await give_password(app, member.user_id))
    assert asked.json()["methods"] == ["totp", "recovery"]
    assert len(browser.cookies) == 0
    assert (await browser.get(ME)).status_code == 401
    answer = await second_step(browser, asked.json()["ticket"], totp=phone.code(steps=1))
    assert (answer.status_code, answer.json()["state"]) == (201, "signed_in")
    assert answer.json()["session"]["signed_in_with"] == "password and totp"
    assert (await browser.get(ME)).json()["user_id"] == str(member.user_id)


async def test_a_reset_password_goes_past_no_second_factor(
    app: FastAPI, member: Member, operator: Member, browser: httpx.AsyncClient
) -> None:
    phone = await phone_of(app, member)
    email = await give_password(app, member.user_id)
    async with signed_in_client(app, operator) as administrator:
        made = await administrator.post(f"/api/v1/admin/users/{member.user_id}/reset-link")
    token, fresh = made.json()["url"].rpartition("=")[2], "another horse and battery"
    reset = await browser.post("/api/v1/password-resets/confirm", json={"token": token, "password": fresh})
    assert (reset.status_code, len(browser.cookies)) == (204, 0)
    asked = await sign_in(browser, email, fresh)
    assert (asked.status_code, asked.json()["state"], len(browser.cookies)) == (200, "second_factor", 0)
    assert (await second_step(browser, asked.json()["ticket"], totp=phone.code(steps=1))).status_code == 201


async def test_a_code_works_once_also_for_two_who_bring_it_at_once(
    app: FastAPI, member: Member, browser: httpx.AsyncClient, database: TestDatabase
) -> None:
    phone = await phone_of(app, member)
    code = phone.fresh_code(database)
    tickets = [await first_step(browser, app, member) for _ in range(3)]
    async with browser_of(app) as other:
        answers = await asyncio.gather(
            second_step(browser, tickets[0], totp=code), second_step(other, tickets[1], totp=code)
        )
    assert sorted(answer.status_code for answer in answers) == [201, 401]
    again = await second_step(browser, tickets[2], totp=code)
    assert (again.status_code, again.json()["code"]) == (401, "second_factor_refused")
    earlier = await second_step(browser, tickets[2], totp=phone.code(steps=-1))
    assert earlier.status_code == 401


async def test_a_ticket_works_once_also_with_two_codes_at_once(
    app: FastAPI, member: Member, browser: httpx.AsyncClient, database: TestDatabase
) -> None:
    phone = await phone_of(app, member)
    ticket = await first_step(browser, app, member)
    codes = phone.recovery_codes[:2]
    answers = await asyncio.gather(*(second_step(browser, ticket, recovery=code) for code in codes))
    assert sorted(answer.status_code for answer in answers) == [201, 401]
    again = await second_step(browser, ticket, totp=phone.fresh_code(database))
    assert (again.status_code, again.json()["code"]) == (401, "ticket_refused")
    # the code of the one that came too late was not used up
    async with browser_of(app) as other:
        ticket = await first_step(other, app, member)
        tried = [(await second_step(other, ticket, recovery=code)).status_code for code in codes]
    assert sorted(tried) == [201, 401]


async def test_a_ticket_that_has_run_out_was_made_up_or_is_of_somebody_suspended_is_refused(
    app: FastAPI, member: Member, browser: httpx.AsyncClient, database: TestDatabase
) -> None:
    phone = await phone_of(app, member)
    for spoil in (
        "UPDATE second_factor_tickets SET expires_at = now() WHERE user_id = %s",
        "UPDATE users SET suspended_at = now() WHERE id = %s",
    ):
        ticket = await first_step(browser, app, member)
        rows_of(database, spoil, member.user_id)
        refused = await second_step(browser, ticket, totp=phone.fresh_code(database))
        assert (refused.status_code, refused.json()["code"]) == (401, "ticket_refused")
    for made_up in ("x", f"{member.user_id.hex}.9999999999.{'a' * 43}", "ü" * 100):
        assert (await second_step(browser, made_up, totp="123456")).json()["code"] == "ticket_refused"


async def test_a_ticket_takes_no_code_of_another_account(
    app: FastAPI, member: Member, stranger: Member, browser: httpx.AsyncClient, database: TestDatabase
) -> None:
    await phone_of(app, member)
    theirs = await phone_of(app, stranger)
    ticket = await first_step(browser, app, member)
    for given in ({"totp": theirs.fresh_code(database)}, {"recovery": theirs.recovery_codes[0]}):
        refused = await second_step(browser, ticket, **given)
        assert (refused.status_code, refused.json()["code"]) == (401, "second_factor_refused")


async def test_five_wrong_codes_use_up_a_ticket_and_bar_the_account_whatever_the_ticket(
    app: FastAPI, member: Member, browser: httpx.AsyncClient, database: TestDatabase
) -> None:
    phone = await phone_of(app, member)
    tickets = [await first_step(browser, app, member) for _ in range(2)]
    tried = [await second_step(browser, tickets[0], totp=wrong(phone)) for _ in range(3)]
    tried += [await second_step(browser, tickets[1], totp=wrong(phone)) for _ in range(2)]
    assert {answer.json()["code"] for answer in tried} == {"second_factor_refused"}
    barred = await second_step(browser, tickets[1], totp=phone.fresh_code(database))
    assert (barred.status_code, barred.json()["code"]) == (429, "over_limit")
    assert 50 < int(barred.headers["retry-after"]) <= 60
    fresh = await first_step(browser, app, member)
    assert (await second_step(browser, fresh, recovery=phone.recovery_codes[0])).status_code == 429


async def test_however_patient_one_ticket_gives_five_guesses(
    hub_settings: Settings, member: Member, database: TestDatabase
) -> None:
    patient = hub_settings.model_copy(update={"sign_in_failures_per_minute": 1000})
    async with running_app(patient) as app, browser_of(app) as client:
        phone = await phone_of(app, member)
        ticket = await first_step(client, app, member)
        codes = [(await second_step(client, ticket, totp=wrong(phone))).json()["code"] for _ in range(GUESSES_MAX)]
        assert set(codes) == {"second_factor_refused"}
        used_up = await second_step(client, ticket, totp=phone.fresh_code(database))
        assert used_up.json()["code"] == "ticket_refused"


async def test_a_recovery_code_works_once_however_it_is_typed(
    app: FastAPI, member: Member, browser: httpx.AsyncClient, database: TestDatabase
) -> None:
    phone = await phone_of(app, member)
    typed = phone.recovery_codes[3].upper().replace("-", " ")
    answer = await second_step(browser, await first_step(browser, app, member), recovery=typed)
    assert answer.json()["session"]["signed_in_with"] == "password and recovery code"
    assert (await browser.get(FACTORS)).json()["recovery_codes_left"] == 9
    again = await second_step(browser, await first_step(browser, app, member), recovery=phone.recovery_codes[3])
    assert again.json()["code"] == "second_factor_refused"
    kept = rows_of(database, "SELECT digest FROM recovery_codes WHERE user_id = %s", member.user_id)
    plain = {code.replace("-", "").encode() for code in phone.recovery_codes}
    assert not any(bytes(row["digest"]) in plain for row in kept)


async def test_fresh_recovery_codes_replace_those_before(
    app: FastAPI, member: Member, browser: httpx.AsyncClient
) -> None:
    async with signed_in_client(app, member) as client:
        none_yet = await client.post("/api/v1/me/recovery-codes")
        assert (none_yet.status_code, none_yet.json()["code"]) == (409, "no_second_factor")
        phone = await set_up_phone(client)
        fresh = (await client.post("/api/v1/me/recovery-codes")).json()["codes"]
    ticket = await first_step(browser, app, member)
    assert (await second_step(browser, ticket, recovery=phone.recovery_codes[0])).status_code == 401
    assert (await second_step(browser, ticket, recovery=fresh[0])).status_code == 201


async def test_a_removed_app_shows_nothing_any_more_and_with_the_last_the_recovery_codes_go(
    app: FastAPI, member: Member, browser: httpx.AsyncClient, database: TestDatabase
) -> None:
    async with signed_in_client(app, member) as client:
        first, second = await set_up_phone(client), await set_up_phone(client, name="tablet")
        assert second.recovery_codes == []
        ticket = await first_step(browser, app, member)
        assert (await client.delete(f"{FACTORS}/{first.id}")).status_code == 204
        refused = await second_step(browser, ticket, totp=first.code(steps=1))
        assert refused.json()["code"] == "second_factor_refused"
        renamed = await client.patch(f"{FACTORS}/{second.id}", json={"name": "  watch "})
        assert renamed.json()["name"] == "watch"
        assert (await client.delete(f"{FACTORS}/{second.id}")).status_code == 204
        assert (await client.get(FACTORS)).json()["recovery_codes_left"] == 0
        gone = await client.delete(f"{FACTORS}/{second.id}")
        assert (gone.status_code, gone.json()["code"]) == (404, "factor_not_found")
    assert (await second_step(browser, ticket, recovery=first.recovery_codes[0])).status_code == 401
    answer = await sign_in(browser, await give_password(app, member.user_id))
    assert (answer.status_code, answer.json()["state"]) == (201, "signed_in")


async def test_nobody_touches_the_factors_of_another(app: FastAPI, member: Member, stranger: Member) -> None:
    phone = await phone_of(app, member)
    async with signed_in_client(app, stranger) as theirs:
        assert (await theirs.get(FACTORS)).json()["factors"] == []
        for method, path, body in (
            ("DELETE", f"{FACTORS}/{phone.id}", None),
            ("PATCH", f"{FACTORS}/{phone.id}", {"name": "mine"}),
            ("POST", f"{APPS}/{phone.id}/confirm", {"code": phone.code(steps=1)}),
        ):
            refused = await theirs.request(method, path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (404, "factor_not_found")


async def test_one_has_three_apps_at_most_and_one_begun(app: FastAPI, member: Member, database: TestDatabase) -> None:
    async with signed_in_client(app, member) as client:
        for name in ("one", "two", "three"):
            await set_up_phone(client, name=name)
        refused = await client.post(APPS, json={"name": "four"})
        assert (refused.status_code, refused.json()["code"]) == (409, "too_many_factors")
    begun = rows_of(database, "SELECT confirmed_at FROM authenticator_apps WHERE user_id = %s", member.user_id)
    assert len(begun) == 3


async def test_an_administrator_takes_the_factors_from_whoever_has_lost_them(
    app: FastAPI, member: Member, database: TestDatabase, browser: httpx.AsyncClient
) -> None:
    administrator = make_member(database)
    rows_of(database, "UPDATE users SET instance_admin = true WHERE id = %s", administrator.user_id)
    await phone_of(app, member)
    path = f"/api/v1/admin/users/{member.user_id}/factors"
    async with signed_in_client(app, make_member(database)) as other, signed_in_client(app, administrator) as admin:
        assert (await other.delete(path)).json()["code"] == "not_allowed"
        assert (await admin.delete(path)).status_code == 204
        unknown = await admin.delete(path.replace(str(member.user_id), str(member.org_id)))
        assert (unknown.status_code, unknown.json()["code"]) == (404, "person_not_found")
    rows_of(database, "UPDATE users SET instance_admin = false WHERE id = %s", administrator.user_id)
    assert (await sign_in(browser, await give_password(app, member.user_id))).json()["state"] == "signed_in"


async def test_factors_are_set_up_by_a_person_who_has_just_signed_in_and_by_no_key(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    async with client_of(app, key=member.key) as key:
        assert (await key.post(APPS, json={"name": "phone"})).json()["code"] == "session_needed"
    async with signed_in_client(app, member) as client:
        leave_open(database, member.user_id)
        refused = await client.post(APPS, json={"name": "phone"})
        assert (refused.status_code, refused.json()["code"]) == (403, "step_up_needed")
        assert refused.json()["methods"] == ["password"]


@pytest.mark.parametrize("given", [{}, {"totp": "123456", "recovery": "a" * 24}, {"totp": "1"}, {"totp": "1" * 99}])
async def test_a_second_step_gives_one_factor(browser: httpx.AsyncClient, given: dict[str, str]) -> None:
    assert (await second_step(browser, "a-ticket", **given)).status_code == 422


async def test_where_a_second_factor_is_wanted_of_everybody_a_session_without_one_only_sets_one_up(
    hub_settings: Settings, member: Member
) -> None:
    strict = hub_settings.model_copy(update={"second_factor_required_of": "everybody"})
    async with running_app(strict) as app, signed_in_client(app, member) as client:
        for path in ("/api/v1/datasets", "/api/v1/api-keys"):
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_needed")
        named = await client.get("/api/v1/datasets", headers={"lyceum-organisation": member.org_name})
        assert named.json()["code"] == "second_factor_needed"
        assert (await client.get("/api/v1/sessions")).status_code == 200
        assert (await client.get("/api/v1/me")).json()["second_factor_needed"] is True
        phone = await set_up_phone(client)
        assert (await client.get("/api/v1/me")).json()["second_factor_needed"] is False
        assert (await client.get("/api/v1/datasets")).status_code == 200
        last = await client.delete(f"{FACTORS}/{phone.id}")
        assert (last.status_code, last.json()["code"]) == (409, "second_factor_required")
        assert (await client.get(FACTORS)).json()["required"] is True


async def test_where_it_is_wanted_of_administrators_others_go_on(
    hub_settings: Settings, member: Member, database: TestDatabase
) -> None:
    strict = hub_settings.model_copy(update={"second_factor_required_of": "administrators"})
    administrator = make_member(database)
    rows_of(database, "UPDATE users SET instance_admin = true WHERE id = %s", administrator.user_id)
    async with (
        running_app(strict) as app,
        signed_in_client(app, member) as client,
        signed_in_client(app, administrator) as admin,
    ):
        assert (await client.get("/api/v1/datasets")).status_code == 200
        assert (await admin.get("/api/v1/datasets")).json()["code"] == "second_factor_needed"
        assert (await client_of(app, key=administrator.key).get("/api/v1/datasets")).status_code == 200
    rows_of(database, "UPDATE users SET instance_admin = false WHERE id = %s", administrator.user_id)
