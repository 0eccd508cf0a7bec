"""The whole way through the web app by one person, on a desktop and a phone, light and dark: from the set-up link to a revoked session."""

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from fixtures.app import rows_of, served, settings_for
from fixtures.factors import Phone
from fixtures.servers import PostgresForTests
from fixtures.web import DESKTOP, PHONE, OpenTab, WebHub, nothing_wrong
from fixtures.web_steps import fill_account, train_on_dear, write_houses
from make.accounts import make_setup_link

EMAIL, PASSWORD = "ada@example.org", "correct horse battery staple"


@pytest.fixture
def web_hub(
    web_built: Path, postgres_server: PostgresForTests, template_database: str, valkey_server: str, tmp_path: Path
) -> Iterator[WebHub]:
    """A new hub of each way's own."""
    assert (web_built / "index.html").is_file()
    database = postgres_server.create_database(f"way_{os.urandom(6).hex()}", template=template_database)
    settings = settings_for(database, tmp_path / "home", valkey_url=valkey_server)
    with served("lyceum.web", settings), served("lyceum.worker", settings):
        yield WebHub(settings.base_url, make_setup_link(database), settings, database)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small table with a column that the others tell."""
    return write_houses(tmp_path)


def _add_factor(page: Page, hub: WebHub) -> Phone:
    page.goto("/settings?tab=security")
    page.get_by_role("button", name="Add an authenticator app").click()
    page.get_by_label("Name").fill("Pocket phone")
    page.get_by_role("button", name="Go on").click()
    secret = page.get_by_label("Secret for the app").inner_text()
    app_id = str(rows_of(hub.database, "SELECT id FROM authenticator_apps")[0]["id"])
    phone = Phone(app_id, base64.b32decode(secret + "=" * (-len(secret) % 8)), [])
    page.get_by_label("Six digits that the app shows").fill(phone.code())
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("Pocket phone")).to_be_visible()
    return phone


def _invite(page: Page) -> str:
    page.goto("/organisation?tab=new")
    page.get_by_label("Name of the organisation").fill("Weather Lab")
    page.get_by_role("button", name="Create organisation").click()
    expect(page.get_by_role("heading", name="Weather Lab", level=1)).to_be_visible()
    page.goto("/organisation?tab=invitations")
    page.get_by_role("button", name="Invite people").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Role").select_option("viewer")
    dialog.get_by_role("button", name="Make link").click()
    link = dialog.get_by_label("Invitation link").inner_text().strip()
    dialog.get_by_role("button", name="Done").click()
    return link


def _sign_in(page: Page, code: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size, device", [("desktop", DESKTOP), ("phone", PHONE)], ids=["desktop", "phone"])
def test_one_goes_the_whole_way(
    open_tab: OpenTab,
    web_hub: WebHub,
    table: Path,
    size: str,
    device: dict[str, Any],
    scheme: Literal["light", "dark"],
) -> None:
    shot = f"way-{size}-{scheme}"
    tab = open_tab(scheme=scheme, **device)
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/setup?token={web_hub.setup_token}")
        fill_account(page, "Ada", EMAIL, PASSWORD)
        tab.looks_right(f"{shot}-1-setup")
        page.get_by_role("button", name="Create administrator").click()
        expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
        phone = _add_factor(page, web_hub)
        tab.looks_right(f"{shot}-2-factor")
        link = _invite(page)
        tab.looks_right(f"{shot}-3-invited")

        guest = open_tab(scheme=scheme, **device)
        guest.page.goto(link)
        fill_account(guest.page, "Grace", "grace@example.org", PASSWORD)
        guest.looks_right(f"{shot}-4-join")
        guest.page.get_by_role("button", name="Create account").click()
        expect(guest.page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

        page.goto("/datasets?upload=true")
        page.locator("input[type=file]").set_input_files(table)
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.get_by_text("600 of 600 rows")).to_be_visible()
        tab.looks_right(f"{shot}-5-dataset")
        train_on_dear(page)
        page.reload()
        page.get_by_role("button", name="Put in service").wait_for()
        tab.looks_right(f"{shot}-6-run")
        page.get_by_role("button", name="Put in service").click()
        page.get_by_role("button", name="Register").click()
        expect(page.get_by_role("heading", name=re.compile("houses"))).to_be_visible()
        page.reload()
        page.get_by_label("area", exact=True).fill("200")
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_role("list", name="Probabilities")).to_contain_text("%")
        tab.looks_right(f"{shot}-7-model")

        other = open_tab(scheme=scheme, **device)
        _sign_in(other.page, phone.fresh_code(web_hub.database))
        page.goto("/settings?tab=sessions")
        tab.looks_right(f"{shot}-8-sessions")
        page.get_by_role("button", name=re.compile("^End the session on")).first.click()
        expect(page.get_by_text("The session was ended")).to_be_visible()
        other.page.goto("/datasets")
        other.page.wait_for_url("**/sign-in?**")
