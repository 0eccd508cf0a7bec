"""Passkeys in a real browser, whose authenticator is Chromium's own: what the hub asks is what browsers take, and the other way."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from fixtures.app import ServedProcess, rows_of
from fixtures.machine import refuse_or_skip
from fixtures.servers import TestDatabase
from fixtures.sign_in import PASSWORD, password_hash
from make.accounts import Member

CHROMIUM = Path(os.environ.get("TESTS_CHROMIUM", "/usr/bin/chromium"))
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
CALL = """
const call = async (method, path, body) => {
    const csrf = document.cookie.match(/lyceum_csrf=([^;]+)/);
    const headers = {"content-type": "application/json", ...(csrf ? {"x-csrf-token": decodeURIComponent(csrf[1])} : {})};
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const answer = await fetch(`/api/v1${path}`, {method, headers, body: sent});
    const text = await answer.text();
    return {status: answer.status, ...(text ? JSON.parse(text) : {})};
};
"""
MAKE = """
const asked = await call("POST", "/me/passkeys/options");
const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.publicKey);
const credential = (await navigator.credentials.create({publicKey})).toJSON();
return call("POST", "/me/passkeys", {name: "laptop", credential});
"""
SIGN = """
const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.publicKey);
const passkey = (await navigator.credentials.get({publicKey})).toJSON();
"""


def run(page: object, script: str, **given: object) -> dict[str, object]:
    """Run a script in the page as the page's own."""
    answer: dict[str, object] = page.evaluate(f"async (given) => {{ {CALL} {script} }}", given)  # type: ignore[attr-defined]
    return answer


@pytest.mark.deep
def test_chromium_makes_a_passkey_and_signs_in_with_it_alone_after_the_password_and_to_step_up(
    web_built: Path, served_api: ServedProcess, member: Member, database: TestDatabase
) -> None:
    assert (web_built / "index.html").is_file()
    if not CHROMIUM.exists():
        refuse_or_skip(f"there is no Chromium at {CHROMIUM}")
    given = "UPDATE users SET password_hash = %s WHERE id = %s RETURNING email"
    email = rows_of(database, given, password_hash(), member.user_id)[0]["email"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        page.goto(served_api.url.replace("127.0.0.1", "localhost") + "/sign-in")
        with_password = {"email": email, "password": PASSWORD}
        assert run(page, "return call('POST', '/sessions', given)", **with_password)["state"] == "signed_in"
        assert run(page, MAKE)["status"] == 201
        stepped = run(
            page,
            f"const asked = await call('POST', '/me/step-up/passkey-options'); {SIGN} return call('POST', '/me/step-up', {{passkey}})",
        )
        assert stepped["status"] == 200
        assert run(page, "return call('DELETE', '/sessions/current')")["status"] == 204
        alone = run(
            page,
            f"const asked = await call('POST', '/sessions/passkey-options'); {SIGN} return call('POST', '/sessions/passkey', {{passkey}})",
        )
        assert alone["status"] == 201
        run(page, "return call('DELETE', '/sessions/current')")
        ticket = run(page, "return call('POST', '/sessions', given)", **with_password)["ticket"]
        second = run(
            page,
            "const asked = await call('POST', '/sessions/second-factor/passkey-options', given);"
            f"{SIGN} return call('POST', '/sessions/second-factor', {{...given, passkey}})",
            ticket=ticket,
        )
        assert second["status"] == 201
        assert run(page, "return call('GET', '/me')")["user_id"] == str(member.user_id)
        browser.close()
