"""Passkeys: made, used alone and as a second factor; and what a forged page, a copy or a stolen answer gets."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from fixtures.app import rows_of, running_app
from fixtures.authenticators import Authenticator, BrowserRefuses
from fixtures.factors import FACTORS, SECOND, leave_open, set_up_phone
from fixtures.servers import TestDatabase
from fixtures.sign_in import browser_of, give_password, sign_in, signed_in_client
from lyceum.accounts.factors.ceremonies import Site, find_site
from lyceum.kernel.config import Settings
from make.accounts import Member

ALONE = "/api/v1/sessions/passkey"
PASSKEYS = "/api/v1/me/passkeys"
ME = "/api/v1/me"


@pytest.fixture
def authenticator(hub_settings: Settings) -> Authenticator:
    """One before which a page of the hub stands."""
    return Authenticator(f"http://localhost:{hub_settings.port}")


@pytest.fixture
async def owner(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which the member has signed in."""
    async with signed_in_client(app, member) as client:
        yield client


async def options_of(client: httpx.AsyncClient, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["publicKey"]
    return options


async def make_passkey(client: httpx.AsyncClient, authenticator: Authenticator, name: str = "laptop") -> httpx.Response:
    made = authenticator.create(await options_of(client, f"{PASSKEYS}/options"))
    return await client.post(PASSKEYS, json={"name": name, "credential": made})


async def ask_alone(client: httpx.AsyncClient) -> dict[str, Any]:
    return await options_of(client, "/api/v1/sessions/passkey-options")


async def sign_in_alone(client: httpx.AsyncClient, credential: dict[str, Any]) -> httpx.Response:
    return await client.post(ALONE, json={"passkey": credential})


async def test_a_passkey_signs_its_owner_in_alone(
    owner: httpx.AsyncClient, browser: httpx.AsyncClient, authenticator: Authenticator, member: Member
) -> None:
    made = await make_passkey(owner, authenticator)
    assert made.status_code == 201
    assert (made.json()["factor"]["kind"], made.json()["factor"]["name"]) == ("passkey", "laptop")
    assert len(made.json()["recovery_codes"]) == 10
    options = await ask_alone(browser)
    assert (options.get("allowCredentials", []), options["userVerification"]) == ([], "required")
    answer = await sign_in_alone(browser, authenticator.get(options))
    assert (answer.status_code, answer.json()["session"]["signed_in_with"]) == (201, "passkey")
    assert (await browser.get(ME)).json()["user_id"] == str(member.user_id)
    assert (await browser.get(FACTORS)).json()["factors"][0]["last_used_at"] is not None


async def test_a_passkey_is_a_second_factor_after_the_password(
    app: FastAPI, owner: httpx.AsyncClient, browser: httpx.AsyncClient, authenticator: Authenticator, member: Member
) -> None:
    await make_passkey(owner, authenticator)
    asked = (await sign_in(browser, await give_password(app, member.user_id))).json()
    assert asked["methods"] == ["passkey", "recovery"]
    options = await options_of(browser, f"{SECOND}/passkey-options", {"ticket": asked["ticket"]})
    assert len(options["allowCredentials"]) == 1
    given = {"ticket": asked["ticket"], "passkey": authenticator.get(options)}
    answer = await browser.post(SECOND, json=given)
    assert answer.json()["session"]["signed_in_with"] == "password and passkey"


async def test_an_answer_works_once(
    owner: httpx.AsyncClient, browser: httpx.AsyncClient, authenticator: Authenticator
) -> None:
    made = authenticator.create(await options_of(owner, f"{PASSKEYS}/options"))
    assert (await owner.post(PASSKEYS, json={"name": "one", "credential": made})).status_code == 201
    assert (await owner.post(PASSKEYS, json={"name": "two", "credential": made})).json()["code"] == "passkey_refused"
    signed = authenticator.get(await ask_alone(browser))
    assert (await sign_in_alone(browser, signed)).status_code == 201
    again = await sign_in_alone(browser, signed)
    assert (again.status_code, again.json()["code"]) == (401, "passkey_refused")


async def test_an_answer_serves_only_what_it_was_asked_for(
    app: FastAPI, owner: httpx.AsyncClient, browser: httpx.AsyncClient, authenticator: Authenticator, member: Member
) -> None:
    await make_passkey(owner, authenticator)
    for_step_up = authenticator.get(await options_of(owner, "/api/v1/me/step-up/passkey-options"))
    assert (await sign_in_alone(browser, for_step_up)).status_code == 401
    email = await give_password(app, member.user_id)
    tickets = [(await sign_in(browser, email)).json()["ticket"] for _ in range(2)]
    options = await options_of(browser, f"{SECOND}/passkey-options", {"ticket": tickets[0]})
    of_another = {"ticket": tickets[1], "passkey": authenticator.get(options)}
    assert (await browser.post(SECOND, json=of_another)).json()["code"] == "passkey_refused"
    alone = authenticator.get(await ask_alone(browser))
    stepped = await owner.post("/api/v1/me/step-up", json={"passkey": alone})
    assert stepped.json()["code"] == "passkey_refused"


@pytest.mark.parametrize(
    "forged",
    [
        {"origin": "https://hub.example.evil"},
        {"origin": "http://localhost"},
        {"rp_id": "hub.example.evil"},
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"count": 1},
    ],
    ids=["another page", "another port", "another site", "another key", "a copy"],
)
async def test_what_was_signed_elsewhere_opens_nothing(
    owner: httpx.AsyncClient, browser: httpx.AsyncClient, authenticator: Authenticator, forged: dict[str, Any]
) -> None:
    await make_passkey(owner, authenticator)
    refused = await sign_in_alone(browser, authenticator.get(await ask_alone(browser), **forged))
    assert (refused.status_code, refused.json()["code"]) == (401, "passkey_refused")
    assert "origin" not in refused.json()["detail"]
    right = authenticator.get(await ask_alone(browser), count=10)
    assert (await sign_in_alone(browser, right)).status_code == 201


@pytest.mark.parametrize("forged", [{"origin": "https://hub.example.evil"}, {"rp_id": "hub.example.evil"}])
async def test_a_passkey_for_another_site_is_not_kept(
    owner: httpx.AsyncClient, authenticator: Authenticator, forged: dict[str, str]
) -> None:
    made = authenticator.create(await options_of(owner, f"{PASSKEYS}/options"), **forged)
    refused = await owner.post(PASSKEYS, json={"name": "forged", "credential": made})
    assert (refused.status_code, refused.json()["code"]) == (401, "passkey_refused")
    assert (await owner.get(FACTORS)).json()["factors"] == []


async def test_a_challenge_of_ones_own_making_or_that_has_run_out_is_refused(
    owner: httpx.AsyncClient, browser: httpx.AsyncClient, authenticator: Authenticator, database: TestDatabase
) -> None:
    await make_passkey(owner, authenticator)
    options = await ask_alone(browser)
    own = {**options, "challenge": "A" * 43}
    assert (await sign_in_alone(browser, authenticator.get(own))).json()["code"] == "passkey_refused"
    rows_of(database, "UPDATE passkey_challenges SET expires_at = now()")
    assert (await sign_in_alone(browser, authenticator.get(options))).json()["code"] == "passkey_refused"


async def test_without_pin_or_finger_no_passkey_signs_in_alone(
    owner: httpx.AsyncClient, browser: httpx.AsyncClient, authenticator: Authenticator
) -> None:
    await make_passkey(owner, authenticator)
    authenticator.verifies = False
    options = await ask_alone(browser)
    with pytest.raises(BrowserRefuses):
        authenticator.get(options)
    # a page that is not the hub's own asks for less
    lax = authenticator.get({**options, "userVerification": "discouraged"})
    assert (await sign_in_alone(browser, lax)).json()["code"] == "passkey_refused"


async def test_somebody_elses_passkey_is_no_second_factor_and_names_nobody_else(
    app: FastAPI,
    owner: httpx.AsyncClient,
    stranger: Member,
    browser: httpx.AsyncClient,
    authenticator: Authenticator,
    hub_settings: Settings,
) -> None:
    await make_passkey(owner, authenticator)
    theirs = Authenticator(authenticator.origin)
    async with signed_in_client(app, stranger) as other:
        await make_passkey(other, theirs)
    ticket = (await sign_in(browser, await give_password(app, stranger.user_id))).json()["ticket"]
    options = await options_of(browser, f"{SECOND}/passkey-options", {"ticket": ticket})
    with pytest.raises(BrowserRefuses):
        authenticator.get(options)
    forced = authenticator.get({**options, "allowCredentials": []})
    assert (await browser.post(SECOND, json={"ticket": ticket, "passkey": forced})).status_code == 401
    signed = authenticator.get(await ask_alone(browser))
    signed["response"]["userHandle"] = theirs.get(await ask_alone(browser))["response"]["userHandle"]
    assert (await sign_in_alone(browser, signed)).json()["code"] == "passkey_refused"


async def test_a_removed_passkey_opens_nothing(
    owner: httpx.AsyncClient, browser: httpx.AsyncClient, authenticator: Authenticator
) -> None:
    made = (await make_passkey(owner, authenticator)).json()
    options = await ask_alone(browser)
    assert (await owner.delete(f"{FACTORS}/{made['factor']['id']}")).status_code == 204
    assert (await sign_in_alone(browser, authenticator.get(options))).json()["code"] == "passkey_refused"


async def test_a_passkey_of_somebody_suspended_opens_nothing(
    owner: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    authenticator: Authenticator,
    member: Member,
    database: TestDatabase,
) -> None:
    await make_passkey(owner, authenticator)
    rows_of(database, "UPDATE users SET suspended_at = now() WHERE id = %s", member.user_id)
    signed = authenticator.get(await ask_alone(browser))
    assert (await sign_in_alone(browser, signed)).json()["code"] == "passkey_refused"


async def test_an_authenticator_makes_one_passkey_for_a_person(
    owner: httpx.AsyncClient, authenticator: Authenticator
) -> None:
    await make_passkey(owner, authenticator)
    again = await options_of(owner, f"{PASSKEYS}/options")
    with pytest.raises(BrowserRefuses, match="InvalidStateError"):
        authenticator.create(again)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"clientDataJSON": "e30"},
        {"clientDataJSON": "_w"},
        {"clientDataJSON": "W1tbW1tb"},
        {"clientDataJSON": ""},
        {"authenticatorData": "AAAA"},
        {"signature": "AAAA"},
    ],
    ids=["no challenge", "no text", "no object", "nothing", "short data", "no signature"],
)
async def test_what_cannot_be_read_is_refused(
    owner: httpx.AsyncClient, browser: httpx.AsyncClient, authenticator: Authenticator, spoilt: dict[str, str]
) -> None:
    await make_passkey(owner, authenticator)
    signed = authenticator.get(await ask_alone(browser))
    signed["response"] |= spoilt
    refused = await sign_in_alone(browser, signed)
    assert (refused.status_code, refused.json()["code"]) == (401, "passkey_refused")


async def test_a_session_left_open_makes_no_passkey(
    app: FastAPI, member: Member, database: TestDatabase, owner: httpx.AsyncClient
) -> None:
    leave_open(database, member.user_id)
    assert (await owner.post(f"{PASSKEYS}/options")).json()["code"] == "step_up_needed"


async def test_app_and_passkey_stand_side_by_side(
    owner: httpx.AsyncClient, authenticator: Authenticator, app: FastAPI, member: Member
) -> None:
    await set_up_phone(owner)
    assert (await make_passkey(owner, authenticator)).json()["recovery_codes"] is None
    assert [one["kind"] for one in (await owner.get(FACTORS)).json()["factors"]] == ["totp", "passkey"]
    async with browser_of(app) as client:
        asked = (await sign_in(client, await give_password(app, member.user_id))).json()
    assert asked["methods"] == ["totp", "passkey", "recovery"]


@pytest.mark.parametrize(
    "public_url,site",
    [
        (None, Site("localhost", "http://localhost:8000")),
        ("https://Hub.example.org/lyceum", Site("hub.example.org", "https://hub.example.org")),
        ("https://hub.example.org:443", Site("hub.example.org", "https://hub.example.org")),
        ("https://hub.example.org:8443", Site("hub.example.org", "https://hub.example.org:8443")),
        ("http://localhost:9000", Site("localhost", "http://localhost:9000")),
        ("http://hub.example.org", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]:8443", None),
    ],
)
def test_passkeys_are_made_for_the_public_address(
    hub_settings: Settings, public_url: str | None, site: Site | None
) -> None:
    assert find_site(hub_settings.model_copy(update={"public_url": public_url, "port": 8000})) == site


async def test_where_browsers_make_no_passkeys_the_hub_says_what_to_do(hub_settings: Settings, member: Member) -> None:
    by_numbers = hub_settings.model_copy(update={"public_url": "http://192.0.2.1"})
    async with running_app(by_numbers) as app, signed_in_client(app, member) as client:
        assert (await client.get(FACTORS)).json()["passkeys_possible"] is False
        refused = await client.post(f"{PASSKEYS}/options")
    assert (refused.status_code, refused.json()["code"]) == (409, "passkeys_impossible")
    assert "LYCEUM_PUBLIC_URL" in refused.json()["detail"]


async def test_challenges_are_kept_as_digests(browser: httpx.AsyncClient, database: TestDatabase) -> None:
    challenge = (await ask_alone(browser))["challenge"]
    from base64 import urlsafe_b64decode

    digest = hashlib.sha256(urlsafe_b64decode(f"{challenge}=")).digest()
    assert len(rows_of(database, "SELECT 1 FROM passkey_challenges WHERE digest = %s", digest)) == 1
