"""The main way through the web app, in a real browser against a real hub: set-up, upload, training, prediction, sign-out."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fixtures.web import DESKTOP, PHONE, WAIT_MS_MAX, OpenTab, Tab, WebHub, nothing_wrong
from fixtures.web_steps import fill_account, train_on_dear, write_houses

EMAIL, PASSWORD = "ada@example.org", "correct horse battery staple"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small table with a column that the others tell."""
    return write_houses(tmp_path_factory.mktemp("table"))


def _sign_in(tab: Tab) -> None:
    tab.page.get_by_label("E-mail").fill(EMAIL)
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_role("button", name="Sign in").click()


@pytest.fixture(scope="module")
def journey(web_hub: WebHub) -> dict[str, str]:
    """Where the tests of this module are: filled by the first of them, in their order."""
    return {"setup": f"/setup?token={web_hub.setup_token}"}


def test_from_the_set_up_link_to_a_prediction(open_tab: OpenTab, journey: dict[str, str], table: Path) -> None:
    tab = open_tab(**DESKTOP)
    page = tab.page
    with nothing_wrong(tab):
        page.goto(journey["setup"])
        fill_account(page, "Ada", EMAIL, PASSWORD)
        page.get_by_role("button", name="Create administrator").click()
        expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
        page.get_by_text("Team", exact=True).click()

        page.get_by_role("link", name="Upload a table").click()
        page.locator("input[type=file]").set_input_files(table)
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.get_by_text("600 of 600 rows")).to_be_visible()
        expect(page.get_by_role("columnheader", name=re.compile("area"))).to_contain_text("mean")
        journey["dataset"] = page.url

        train_on_dear(page)
        journey["run"] = page.url

        page.get_by_role("button", name="Put in service").click()
        page.get_by_role("button", name="Register").click()
        expect(page.get_by_role("heading", name=re.compile("houses"))).to_be_visible()
        journey["model"] = page.url
        page.get_by_label("area", exact=True).fill("200")
        page.get_by_role("button", name="Predict").click()
        answer = page.get_by_role("list", name="Probabilities")
        expect(answer).to_contain_text("%")
        expect(page.get_by_label("curl", exact=True).last).to_contain_text('"area":200')
    page.context.storage_state(path=table.with_suffix(".state"))


def test_a_session_that_ends_asks_again_over_the_page_and_keeps_what_was_typed(
    open_tab: OpenTab, journey: dict[str, str], table: Path
) -> None:
    tab = open_tab(storage_state=table.with_suffix(".state"), **DESKTOP)
    page = tab.page
    page.goto(journey["model"])
    area = page.get_by_label("area", exact=True)
    area.fill("123.5")
    page.context.clear_cookies()
    page.get_by_role("button", name="Predict").click()
    dialog = page.get_by_role("dialog", name="Sign in again")
    expect(dialog).to_be_visible()
    _sign_in(tab)
    expect(dialog).to_be_hidden()
    # what was asked is asked again, and what was typed is still there
    expect(page.get_by_role("list", name="Probabilities")).to_contain_text("%")
    expect(area).to_have_value("123.5")


def test_signing_out_forgets_what_was_read_and_the_way_back_is_through_signing_in(
    open_tab: OpenTab, journey: dict[str, str]
) -> None:
    tab = open_tab(worker=True, **DESKTOP)
    page = tab.page
    page.goto(journey["dataset"])
    page.wait_for_url("**/sign-in?**")
    _sign_in(tab)
    page.wait_for_url("**/datasets/main/houses")
    expect(page.get_by_text("600 of 600 rows")).to_be_visible()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    expect(page.get_by_text("600 of 600 rows")).to_be_visible()
    assert page.evaluate("caches.has('seen-v1')")

    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_text("This is what was seen last", exact=False)).to_be_visible()
    expect(page.get_by_text("600 of 600 rows")).to_be_visible()
    tab.screenshot("desktop-light-offline")
    page.context.set_offline(False)

    page.reload()
    page.get_by_role("button", name=re.compile("account menu")).click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/sign-in**")
    page.wait_for_function("caches.has('seen-v1').then((kept) => !kept)", timeout=WAIT_MS_MAX)
    page.goto(journey["dataset"])
    page.wait_for_url("**/sign-in?**")


def test_the_keyboard_alone_finds_an_object_and_changes_the_language(
    open_tab: OpenTab, journey: dict[str, str], table: Path
) -> None:
    tab = open_tab(storage_state=table.with_suffix(".state"), **DESKTOP)
    page = tab.page
    page.goto(journey["run"])
    page.get_by_role("heading", name="dear", level=1).wait_for()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("houses data")
    expect(page.get_by_role("option", name=re.compile(r"main.houses\s+Dataset"))).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets/main/houses")
    page.get_by_role("button", name=re.compile("account menu")).focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitemradio", name="Deutsch").press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tab", name="Prüfungen")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"


def test_whoever_reads_german_is_met_in_german(open_tab: OpenTab, journey: dict[str, str]) -> None:
    tab = open_tab(language="de-DE", **DESKTOP)
    tab.page.goto(journey["dataset"])
    expect(tab.page.get_by_role("button", name="Anmelden", exact=True)).to_be_visible()
    assert tab.page.evaluate("document.documentElement.lang") == "de"
    tab.page.get_by_label("E-Mail").fill(EMAIL)
    tab.page.get_by_label("Passwort", exact=True).fill("not the password of anybody")
    tab.page.get_by_role("button", name="Anmelden", exact=True).click()
    refusal = "Die E-Mail-Adresse oder das Passwort stimmt nicht; versuchen Sie es erneut, oder lassen Sie das Passwort zurücksetzen."
    expect(tab.page.get_by_text(refusal)).to_be_visible()


def test_an_invitation_brings_somebody_in_and_their_password_can_be_changed(
    open_tab: OpenTab, journey: dict[str, str], table: Path
) -> None:
    owner = open_tab(storage_state=table.with_suffix(".state"), **DESKTOP)
    owner.page.goto(journey["run"])
    owner.page.get_by_role("heading", name="dear", level=1).wait_for()
    csrf = next(cookie["value"] for cookie in owner.page.context.cookies() if cookie["name"].endswith("lyceum_csrf"))
    made = owner.page.request.post(
        "/api/v1/organisations/main/invitations",
        data={"role": "viewer"},
        headers={"X-CSRF-Token": csrf, "Origin": owner.page.url.split("/runs")[0], "Idempotency-Key": "invitation-1"},
    )
    assert made.status == 201, made.text()

    guest = open_tab(**PHONE)
    page = guest.page
    with nothing_wrong(guest):
        page.goto(made.json()["url"])
        page.get_by_label("Your name").fill("Grace")
        page.get_by_label("E-mail").fill("grace@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        assert guest.accessibility_faults() == []
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
        page.goto("/settings?tab=security")
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_label("New password").fill("another horse battery staple")
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_text("Your password is changed")).to_be_visible()


@pytest.mark.deep
@pytest.mark.parametrize(
    "place",
    [
        "/sign-in",
        "/sign-up",
        "/forgot",
        "/reset?token=x",
        "/verify?token=x",
        "/consent?token=x",
        "/authorize?x=y",
        "/unsubscribe?token=x",
    ],
)
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_page_for_somebody_unknown_is_usable_by_all(open_tab: OpenTab, device: dict[str, object], place: str) -> None:
    tab = open_tab(**device)
    tab.page.goto(place)
    tab.page.get_by_role("heading", level=1).wait_for()
    tab.page.wait_for_load_state("networkidle")
    tab.looks_right(f"unknown-{re.sub(r'[^a-z]+', '-', place.partition('?')[0]).strip('-')}")


@pytest.mark.deep
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_of_components_shows_both_themes_and_is_usable_by_all(
    open_tab: OpenTab, device: dict[str, object], request: pytest.FixtureRequest
) -> None:
    tab = open_tab(**device)
    tab.page.goto("/ui")
    tab.page.get_by_role("heading", name="Components").wait_for()
    tab.page.wait_for_load_state("networkidle")
    tab.looks_right(f"ui-{request.node.callspec.id}")
