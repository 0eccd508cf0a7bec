"""Second factors, passkeys, signing on elsewhere and letting programs in, in a real browser against a real hub and a real provider."""

import base64
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from fixtures.app import free_port, rows_of, served, settings_for
from fixtures.factors import Phone
from fixtures.far_http import LOOPBACK
from fixtures.identity_provider import CLIENT_ID, CLIENT_SECRET, RealProvider
from fixtures.servers import PostgresForTests, TestDatabase
from fixtures.web import DESKTOP, PHONE, OpenTab, Tab, WebHub, nothing_wrong
from make.accounts import make_setup_link
from make.oauth import REDIRECT_URI, Program

EMAIL, PASSWORD = "ada@example.org", "correct horse battery staple"
SECURITY = "/settings?tab=security"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class Story:
    """What the tests of this module have of each other, in their order."""

    database: TestDatabase
    phone: Phone = field(default_factory=lambda: Phone("", b"", []))
    program: Program = field(default_factory=lambda: Program("", ""))

    def code(self) -> str:
        """Return what the phone shows, as if none of its codes had been used for a while."""
        return self.phone.fresh_code(self.database)


@pytest.fixture(scope="module")
def story(postgres_server: PostgresForTests, template_database: str) -> Story:
    """A hub's database, in which nobody is yet."""
    return Story(postgres_server.create_database(f"web_{os.urandom(6).hex()}", template=template_database))


@pytest.fixture(scope="module")
def web_hub(
    web_built: object, story: Story, valkey_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebHub]:
    """A hub at a name, as passkeys need it, that wants a second factor of its administrators."""
    assert web_built
    port = free_port()
    url = f"http://localhost:{port}"
    settings = settings_for(
        story.database,
        tmp_path_factory.mktemp("web"),
        valkey_url=valkey_server,
        port=port,
        public_url=url,
        outward_allowed_networks=LOOPBACK,
        second_factor_required_of="administrators",
    )
    with served("lyceum.web", settings):
        yield WebHub(url, make_setup_link(story.database), settings, story.database)


def _made(tab: Tab, web_hub: WebHub, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make something as whoever is signed in in the tab."""
    csrf = next(cookie["value"] for cookie in tab.page.context.cookies() if cookie["name"].endswith("lyceum_csrf"))
    headers = {"Origin": web_hub.url, "X-CSRF-Token": csrf, "Idempotency-Key": path}
    answer = tab.page.request.post(f"/api/v1{path}", data=wanted, headers=headers)
    assert answer.status == 201, answer.text()
    made: dict[str, Any] = answer.json()
    return made


def _sign_in(page: Page) -> None:
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def _sign_out(page: Page) -> None:
    page.get_by_role("button", name=re.compile("account menu")).click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/sign-in**")


def _enter_by_code(page: Page, code: str) -> None:
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Sign in", exact=True).click()


def _signed_in(tab: Tab, web_hub: WebHub, story: Story) -> None:
    """Sign in without any page, so that the session is nobody's in any memory yet."""
    sends, headers = tab.page.request, {"Origin": web_hub.url}
    given = {"email": EMAIL, "password": PASSWORD}
    ticket = sends.post("/api/v1/sessions", data=given, headers=headers).json()["ticket"]
    second = {"ticket": ticket, "totp": story.code()}
    answer = sends.post("/api/v1/sessions/second-factor", data=second, headers=headers)
    assert answer.status == 201, answer.text()


def test_the_set_up_link_leads_through_a_second_factor_into_the_hub_and_back_in_with_a_code(
    open_tab: OpenTab, web_hub: WebHub, story: Story
) -> None:
    tab = open_tab(scheme="dark", **PHONE)
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/setup?token={web_hub.setup_token}")
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create administrator").click()
        expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
        tab.looks_right("phone-dark-enrol")
        page.get_by_role("button", name="Add an authenticator app").click()
        page.get_by_label("Name").fill("Pocket phone")
        page.get_by_role("button", name="Go on").click()
        secret = page.get_by_label("Secret for the app").inner_text()
        picture = page.get_by_role("img", name=re.compile("Picture to scan"))
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        tab.looks_right("phone-dark-new-app")
        app_id = str(rows_of(story.database, "SELECT id FROM authenticator_apps")[0]["id"])
        story.phone = Phone(app_id, base64.b32decode(secret + "=" * (-len(secret) % 8)), [])
        page.get_by_label("Six digits that the app shows").fill(story.phone.code())
        page.get_by_role("button", name="Confirm").click()
        codes = page.get_by_role("list", name="Recovery codes").get_by_role("listitem")
        expect(codes).to_have_count(10)
        story.phone.recovery_codes = codes.all_inner_texts()
        tab.looks_right("phone-dark-recovery-codes")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()
        assert story.phone.recovery_codes[0] in download.value.path().read_text(encoding="utf-8")
        page.get_by_role("button", name="I have kept them").click()
        expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

        _sign_out(page)
        # a page that is still shown does not ask for what the session had
        assert [answer for answer in tab.answers if answer.startswith("401")] == []
        _sign_in(page)
        page.get_by_label("Code", exact=True).wait_for()
        tab.looks_right("phone-dark-second-step")
        _enter_by_code(page, "000000")
        expect(page.get_by_role("alert")).to_be_visible()
        _enter_by_code(page, story.code())
        expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

        _sign_out(page)
        _sign_in(page)
        page.get_by_role("button", name="Use a recovery code").click()
        page.get_by_label("Recovery code").fill(story.phone.recovery_codes[0])
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def test_a_passkey_is_added_named_signs_in_alone_and_is_removed(
    open_tab: OpenTab, web_hub: WebHub, story: Story
) -> None:
    tab = open_tab(**DESKTOP)
    page = tab.page
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    _signed_in(tab, web_hub, story)
    with nothing_wrong(tab):
        page.goto(SECURITY)
        page.get_by_role("button", name="Add a passkey").click()
        dialog = page.get_by_role("dialog", name="Add a passkey")
        dialog.get_by_label("Name").fill("Laptop")
        dialog.get_by_role("button", name="Add a passkey").click()
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="Rename Laptop").click()
        page.get_by_role("dialog", name="Rename").get_by_label("Name").fill("Old laptop")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.get_by_text("Old laptop", exact=True)).to_be_visible()
        tab.looks_right("desktop-light-security")

        _sign_out(page)
        tab.looks_right("desktop-light-sign-in-ways")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
        _sign_out(page)
        _sign_in(page)
        page.get_by_role("button", name="Use a passkey", exact=True).click()
        expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

        page.goto(SECURITY)
        page.get_by_role("button", name="Remove Old laptop").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_text("Old laptop", exact=True)).to_be_hidden()
        page.reload()
        expect(page.get_by_text("Pocket phone")).to_be_visible()
        expect(page.get_by_text("Old laptop", exact=True)).to_be_hidden()


def test_what_weighs_much_asks_who_it_is_and_goes_on_with_what_was_typed(
    open_tab: OpenTab, web_hub: WebHub, story: Story
) -> None:
    tab = open_tab(**DESKTOP)
    page = tab.page
    _signed_in(tab, web_hub, story)
    rows_of(story.database, "UPDATE sessions SET stepped_up_until = now() - interval '1 s'")
    with nothing_wrong(tab):
        page.goto(SECURITY)
        page.get_by_role("button", name="Add an authenticator app").click()
        name = page.get_by_role("textbox", name="Name")
        name.fill("Tablet")
        page.get_by_role("button", name="Go on").click()
        asks = page.get_by_role("dialog", name="Confirm that it is you")
        expect(asks).to_be_visible()
        tab.looks_right("desktop-light-step-up")
        # left, nothing is done, and what was typed stays
        asks.get_by_role("button", name="Close").click()
        expect(page.get_by_role("alert")).to_contain_text("confirm that it is you")
        expect(name).to_have_value("Tablet")
        page.get_by_role("button", name="Go on").click()
        asks.get_by_label("Code", exact=True).fill(story.code())
        asks.get_by_role("button", name="Confirm").click()
        expect(asks).to_be_hidden()
        expect(page.get_by_label("Secret for the app")).to_be_visible()
    names = rows_of(story.database, "SELECT name FROM authenticator_apps ORDER BY id")
    assert [row["name"] for row in names] == ["Pocket phone", "Tablet"]


def _at_provider(page: Page, subject: str) -> None:
    page.locator("input[name=sub]").fill(subject)
    page.locator("input[name=sub]").press("Enter")


def test_an_account_is_connected_to_a_provider_and_signs_on_through_it_with_its_own_second_factor(
    open_tab: OpenTab, web_hub: WebHub, story: Story, real_identity_provider: RealProvider
) -> None:
    provider = {
        "name": "university",
        "title": "The university",
        "discovery_url": real_identity_provider.url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "admits": "known",
    }
    tab = open_tab(**DESKTOP)
    page = tab.page
    _signed_in(tab, web_hub, story)
    _made(tab, web_hub, "/admin/sign-on-providers", provider)
    page.goto(SECURITY)
    page.get_by_role("button", name="Connect The university").click()
    _at_provider(page, "ada")
    page.wait_for_url(f"**{SECURITY}")
    expect(page.get_by_role("button", name="Disconnect The university")).to_be_visible()

    _sign_out(page)
    page.goto("/sign-in?to=%2Fsettings%3Ftab%3Dsessions")
    page.get_by_role("link", name="Sign in through The university").click()
    _at_provider(page, "ada")
    expect(page.get_by_label("Code", exact=True)).to_be_visible()
    # the ticket stays in no history
    assert "ticket" not in page.url
    _enter_by_code(page, story.code())
    page.wait_for_url("**/settings?tab=sessions")

    stranger = open_tab(**PHONE)
    page = stranger.page
    page.goto("/sign-in")
    page.get_by_role("link", name="Sign in through The university").click()
    _at_provider(page, "mallory")
    expect(page.get_by_role("alert")).to_contain_text("has no account for you")
    stranger.looks_right("phone-light-sign-on-problem")


def test_a_program_is_refused_let_in_and_not_asked_about_again(
    open_tab: OpenTab, web_hub: WebHub, story: Story
) -> None:
    operator = open_tab()
    _signed_in(operator, web_hub, story)
    wanted = {"title": "JupyterHub", "redirect_uris": [REDIRECT_URI], "asks_consent": True}
    made = _made(operator, web_hub, "/admin/oauth-clients", wanted)
    program = story.program = Program(made["id"], made["client_secret"])

    tab = open_tab(**DESKTOP)
    page = tab.page
    page.route(f"{REDIRECT_URI}*", lambda route: route.fulfill(body="the program"))
    # as the program wrote it, though it reads like a number
    asked = program.asks(state="007.0")
    page.goto(asked)
    page.wait_for_url("**/sign-in?**")
    _sign_in(page)
    _enter_by_code(page, story.code())
    expect(page.get_by_role("heading", name="Sign in to JupyterHub")).to_be_visible()
    expect(page.get_by_role("listitem")).to_contain_text(["account here", "name", "e-mail", "organisations"])
    tab.looks_right("desktop-light-authorize")
    page.get_by_role("button", name="Do not sign in").click()
    page.wait_for_url(f"{REDIRECT_URI}?**")
    assert httpx.URL(page.url).params["error"] == "access_denied"

    page.goto(asked)
    page.get_by_role("button", name="Go on to JupyterHub").click()
    page.wait_for_url(f"{REDIRECT_URI}?**")
    told = httpx.URL(page.url).params
    assert told["state"] == "007.0"
    form = {
        "grant_type": "authorization_code",
        "code": told["code"],
        "redirect_uri": REDIRECT_URI,
        "code_verifier": program.verifier,
        "client_id": program.id,
        "client_secret": program.secret,
    }
    assert "id_token" in httpx.post(f"{web_hub.url}/api/v1/oauth/token", data=form).json()

    # who was asked once is sent on without a page
    onward = page.request.get(asked, max_redirects=0)
    assert onward.status == 303
    assert httpx.URL(onward.headers["location"]).params["code"] != told["code"]

    page.goto(SECURITY)
    page.get_by_role("button", name="Withdraw what JupyterHub may know").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw", exact=True).click()
    expect(page.get_by_text("Programs that know you")).to_be_hidden()
    page.goto(asked)
    expect(page.get_by_role("heading", name="Sign in to JupyterHub")).to_be_visible()


def test_a_request_of_no_known_program_sends_nobody_anywhere(open_tab: OpenTab, story: Story) -> None:
    tab = open_tab(scheme="dark", **PHONE)
    tab.page.goto(story.program.asks(redirect_uri="https://elsewhere.example/"))
    expect(tab.page.get_by_role("alert")).to_contain_text("not among its own")
    tab.looks_right("phone-dark-authorize-refused")
