"""The organisation's pages and sharing, in real browsers: made, joined, grouped, shared with, asked for, changed and left."""

import re
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page, expect

from fixtures.web import DESKTOP, PHONE, OpenTab, WebHub, nothing_wrong
from fixtures.web_steps import fill_account

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what one test leaves to the next: the sign-ins of both people, and a table."""
    folder = tmp_path_factory.mktemp("organisation")
    pl.DataFrame({"rooms": [1, 2, 3], "price": [10.5, 20.5, 30.5]}).write_csv(folder / "houses.csv")
    return folder


def _upload(page: Page, table: Path, name: str) -> None:
    page.goto("/datasets?upload=true")
    page.locator("input[type=file]").set_input_files(table)
    page.get_by_label("Name of the dataset").fill(name)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("3 of 3 rows")).to_be_visible()


def _set_up(page: Page, hub: WebHub) -> None:
    page.goto(f"/setup?token={hub.setup_token}")
    fill_account(page, "Ada", "ada@example.org", PASSWORD)
    page.get_by_role("button", name="Create administrator").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def _act_in(page: Page, organisation: str) -> None:
    page.get_by_role("button", name=re.compile("account menu")).click()
    page.get_by_role("menuitem", name=organisation).click()


def test_an_organisation_is_made_and_somebody_joins_by_its_link(open_tab: OpenTab, web_hub: WebHub, kept: Path) -> None:
    tab = open_tab(**DESKTOP)
    page = tab.page
    with nothing_wrong(tab):
        _set_up(page, web_hub)
        _upload(page, kept / "houses.csv", "hidden")

        page.get_by_role("button", name=re.compile("account menu")).click()
        page.get_by_role("menuitem", name="New organisation").click()
        page.get_by_label("Name of the organisation").fill("Weather Lab")
        expect(page.get_by_label("Name in addresses")).to_have_value("weather-lab")
        page.get_by_role("button", name="Create organisation").click()
        expect(page.get_by_role("heading", name="Weather Lab", level=1)).to_be_visible()
        members = page.get_by_role("list", name="Members")
        expect(members.get_by_role("listitem")).to_have_count(1)

        page.get_by_role("button", name="Invite people").click()
        page.get_by_role("button", name="Invite people").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Role").select_option("viewer")
        dialog.get_by_label("People who can use it").fill("2")
        dialog.get_by_role("button", name="Make link").click()
        link = dialog.get_by_label("Invitation link").inner_text().strip()
        assert tab.accessibility_faults() == []
        dialog.get_by_role("button", name="Done").click()
        expect(page.get_by_text("used 0 of 2")).to_be_visible()
        assert link not in page.content()

    guest = open_tab(**PHONE)
    with nothing_wrong(guest):
        guest.page.goto(link)
        expect(guest.page.get_by_text("Ada invites you as Viewer")).to_be_visible()
        fill_account(guest.page, "Grace", "grace@example.org", PASSWORD)
        guest.page.get_by_role("button", name="Create account").click()
        expect(guest.page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
        guest.page.goto("/organisation")
        expect(guest.page.get_by_role("heading", name="Weather Lab", level=1)).to_be_visible()
        # a viewer changes nobody's role, and invites nobody
        expect(guest.page.get_by_role("combobox", name=re.compile("Role of"))).to_have_count(0)
        expect(guest.page.get_by_role("tab", name="Invitations")).to_have_count(0)
        guest.page.context.storage_state(path=kept / "grace.state")
    page.context.storage_state(path=kept / "ada.state")


def test_a_role_changes_at_once_is_taken_back_and_is_as_it_was_when_the_hub_refuses(
    open_tab: OpenTab, kept: Path
) -> None:
    tab = open_tab(storage_state=kept / "ada.state", **DESKTOP)
    page = tab.page
    page.goto("/organisation")
    role = page.get_by_role("combobox", name="Role of Grace")
    role.select_option("reviewer")
    page.get_by_role("button", name="Undo").click()
    expect(role).to_have_value("viewer")
    page.route("**/members/*", lambda route: route.fulfill(status=409, json={"code": "x", "detail": "Not today."}))
    role.select_option("maintainer")
    expect(page.get_by_text("Not today.")).to_be_visible()
    expect(role).to_have_value("viewer")
    page.unroute("**/members/*")
    role.select_option("reviewer")
    expect(page.get_by_text("Grace: Reviewer")).to_be_visible()
    page.get_by_label("Find by name or address").fill("grace@EX")
    expect(page.get_by_role("list", name="Members").get_by_role("listitem")).to_have_count(1)
    page.get_by_label("Find by name or address").fill("nobody")
    expect(page.get_by_role("heading", name="Nobody found")).to_be_visible()
    page.reload()
    expect(role).to_have_value("reviewer")
    assert tab.faults == []


def test_a_dataset_is_shared_with_a_group_until_a_day(open_tab: OpenTab, kept: Path) -> None:
    tab = open_tab(storage_state=kept / "ada.state", **DESKTOP)
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/organisation?tab=groups")
        page.get_by_role("button", name="New group").first.click()
        page.get_by_label("Name of the group").fill("Forecasters")
        page.get_by_role("button", name="Make group").click()
        dialog = page.get_by_role("dialog", name="Forecasters")
        dialog.get_by_role("combobox", name="Add a member").fill("gra")
        page.get_by_role("option", name=re.compile("Grace")).click()
        expect(dialog.get_by_role("list").get_by_text("Grace", exact=True)).to_be_visible()
        expect(dialog.get_by_text("1 member")).to_be_visible()
        assert tab.accessibility_faults() == []
        dialog.get_by_label("Name of the group").fill("Seers")
        dialog.get_by_role("button", name="Rename").click()
        page.get_by_role("dialog", name="Seers").get_by_role("button", name="Close").last.click()

        _upload(page, kept / "houses.csv", "rain")
        page.get_by_role("button", name="Share").click()
        dialog = page.get_by_role("dialog")
        to = dialog.get_by_role("combobox", name="Person or group")
        to.fill("se")
        expect(page.get_by_role("listbox").get_by_role("option")).to_have_text([re.compile("Seers")])
        to.press("Enter")
        dialog.get_by_label("Role", exact=True).select_option("maintainer")
        dialog.get_by_label("Last day").fill("2090-05-17")
        tab.screenshot("desktop-light-share")
        dialog.get_by_role("button", name="Share").click()
        shared = dialog.get_by_role("list", name="Shared with").get_by_role("listitem")
        expect(shared).to_contain_text("Seers")
        expect(shared).to_contain_text("2090")
        assert tab.accessibility_faults() == []
        dialog.get_by_role("button", name="Stop sharing with Seers").click()
        expect(dialog.get_by_text("Shared with nobody in particular")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(shared).to_contain_text("until")

    guest = open_tab(storage_state=kept / "grace.state", **PHONE)
    with nothing_wrong(guest):
        guest.page.goto("/organisation?tab=requests&view=shared")
        expect(guest.page.get_by_text("in the group Seers")).to_be_visible()
        guest.page.get_by_role("link", name="weather-lab/rain").click()
        expect(guest.page.get_by_text("3 of 3 rows")).to_be_visible()


def test_what_one_does_not_see_is_asked_for_and_given(open_tab: OpenTab, kept: Path) -> None:
    guest = open_tab(storage_state=kept / "grace.state", **PHONE)
    guest.page.goto("/datasets/main/hidden")
    expect(guest.page.get_by_role("heading", name="You do not see this")).to_be_visible()
    guest.page.get_by_label("Why you need it").fill("To compare prices")
    assert guest.accessibility_faults() == []
    guest.screenshot("phone-light-ask")
    guest.page.get_by_role("button", name="Ask for access").click()
    expect(guest.page.get_by_text("You asked for access")).to_be_visible()

    tab = open_tab(storage_state=kept / "ada.state", **DESKTOP)
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/datasets/main/hidden")
        # one's own, in another organisation
        page.get_by_role("button", name=re.compile("^Change to")).click()
        expect(page.get_by_text("3 of 3 rows")).to_be_visible()
        page.goto("/access-requests")
        expect(page.get_by_text("To compare prices")).to_be_visible()
        page.get_by_role("button", name="Approve").click()
        page.get_by_label("A word about it").fill("Welcome")
        assert tab.accessibility_faults() == []
        tab.screenshot("desktop-light-approve")
        page.get_by_role("dialog").get_by_role("button", name="Approve").click()
        expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()

    guest.page.goto("/organisation?tab=requests&view=mine")
    expect(guest.page.get_by_text("Answer: Welcome")).to_be_visible()
    guest.page.get_by_role("link", name="main/hidden").click()
    expect(guest.page.get_by_text("3 of 3 rows")).to_be_visible()
    assert guest.faults == []


def test_another_organisation_shows_nothing_of_the_one_before_and_each_tab_keeps_its_own(
    open_tab: OpenTab, kept: Path
) -> None:
    tab = open_tab(storage_state=kept / "ada.state", **DESKTOP)
    page = tab.page
    page.goto("/datasets")
    expect(page.get_by_role("link", name="weather-lab/rain")).to_be_visible()
    other = page.context.new_page()
    other.goto("/organisation")
    expect(other.get_by_role("heading", name="Weather Lab", level=1)).to_be_visible()

    page.get_by_role("link", name="weather-lab/rain").click()
    expect(page.get_by_text("3 of 3 rows")).to_be_visible()
    _act_in(page, "main")
    expect(page.get_by_role("link", name="main/hidden")).to_be_visible()
    expect(page.get_by_role("link", name="weather-lab/rain")).to_have_count(0)

    other.get_by_role("tab", name="Settings").click()
    other.get_by_label("Name of the organisation").fill("The Weather Lab")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_role("heading", name="The Weather Lab", level=1)).to_be_visible()
    assert tab.faults == []


def test_a_destination_is_added_tried_and_removed(open_tab: OpenTab, kept: Path) -> None:
    tab = open_tab(storage_state=kept / "ada.state", **DESKTOP)
    page = tab.page
    page.goto("/organisation?tab=destinations")
    page.get_by_role("button", name="Add destination").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Where to").select_option("webhook")
    dialog.get_by_label("What to call it").fill("Our bus")
    # an address kept for documents, where nothing ever answers
    dialog.get_by_label("Address").fill("https://192.0.2.1/hook")
    assert tab.accessibility_faults() == []
    dialog.get_by_role("button", name="Add destination").click()
    expect(dialog.get_by_label("The webhook's secret")).to_contain_text("lyw_")
    dialog.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Remove Our bus").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="No destinations yet")).to_be_visible()
    assert tab.faults == []


def test_an_invitation_that_is_over_says_what_to_do(open_tab: OpenTab) -> None:
    tab = open_tab(**PHONE)
    tab.page.goto("/join?token=not-one-of-this-hub")
    expect(tab.page.get_by_role("alert")).to_be_visible()
    expect(tab.page.get_by_text("Ask whoever sent the link for a new one.")).to_be_visible()
    assert tab.accessibility_faults() == []


def test_leaving_and_deleting_end_where_there_is_no_organisation_left(open_tab: OpenTab, kept: Path) -> None:
    guest = open_tab(storage_state=kept / "grace.state", **PHONE)
    with nothing_wrong(guest):
        guest.page.goto("/organisation?tab=settings")
        guest.page.get_by_role("button", name="Leave organisation").click()
        guest.page.get_by_role("dialog").get_by_role("button", name="Leave organisation").click()
        expect(guest.page.get_by_role("heading", name="Welcome, Grace", level=1)).to_be_visible()
        expect(guest.page.get_by_role("button", name="Create organisation")).to_be_visible()
        guest.looks_right("phone-light-organisation-first")
        # what was shared with her stays hers to use
        guest.page.get_by_role("link", name="Show what is shared").click()
        expect(guest.page.get_by_role("link", name="main/hidden")).to_be_visible()

    tab = open_tab(storage_state=kept / "ada.state", **DESKTOP)
    page = tab.page
    page.goto("/organisation?tab=settings")
    page.get_by_role("button", name="Delete organisation").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete organisation")).to_be_disabled()
    dialog.get_by_role("textbox").fill("weather-lab")
    assert tab.accessibility_faults() == []
    dialog.get_by_role("button", name="Delete organisation").click()
    expect(page.get_by_text("The Weather Lab is deleted")).to_be_visible()
    expect(page.get_by_text("main", exact=True).first).to_be_visible()
    assert tab.faults == []
