"""What is done with whole versions of a dataset, in a real browser: fetched, handed out, compared, restored, and cleared of a person."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from fixtures.web import PHONE, OpenTab, WebHub, nothing_wrong
from fixtures.web_people import Staff, signed_in, staff
from lyceum_client import Client
from make.train import make_run

__all__ = ["staff"]

PEOPLE = 40
BEFORE = "id,email,amount\n" + "".join(f"{at},p{at}@example.org,{at * 3}\n" for at in range(PEOPLE))
AFTER = "id,email,amount\n" + "".join(
    f"{at},p{at}@example.org,{at * 3 + (1 if at == 5 else 0)}\n" for at in range(1, PEOPLE + 2)
)


@pytest.fixture(scope="module")
def orders(web_hub: WebHub, staff: Staff, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a dataset whose second version has a row less, two more, and one that changed."""
    folder: Path = tmp_path_factory.mktemp("orders")
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        address = client.datasets.create("orders").address
        for name, text in (("before.csv", BEFORE), ("after.csv", AFTER)):
            (folder / name).write_text(text, encoding="utf-8")
            client.datasets.wait(client.datasets.upload(folder / name, address))
    return address


def _erased(page: Page, value: str) -> None:
    page.get_by_role("button", name="Erase a person").click()
    window = page.get_by_role("dialog")
    window.get_by_label("Column that tells who it is").select_option("email")
    window.get_by_label("Value").fill(value)
    window.get_by_label("I know that nothing brings these rows back.").check()
    window.get_by_role("button", name="Erase for good").click()


@pytest.mark.timeout(400)
def test_versions_are_handed_out_compared_restored_and_cleared_of_a_person(
    open_tab: OpenTab, web_hub: WebHub, orders: str
) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{orders}?version=1")
        page.get_by_role("button", name="Download").click()
        expect(page.get_by_text("Columns marked as personal are masked.")).to_be_visible()
        tab.screenshot("download-desktop")
        with page.expect_download() as begun:
            page.get_by_role("menuitem", name="CSV", exact=True).click()
        assert begun.value.suggested_filename == "orders-v1.csv"
        handed = begun.value.path().read_text(encoding="utf-8")
        assert len(handed.splitlines()) == PEOPLE + 1
        assert "p7@example.org" not in handed
        page.goto(f"/datasets/{orders}?tab=versions")
        page.get_by_role("button", name="Compare rows").click()
        page.get_by_role("dialog").get_by_label("id", exact=True).check()
        tab.screenshot("compare-dialog-desktop")
        page.get_by_role("button", name="Compare", exact=True).click()
        expect(
            page.get_by_role("region", name="Changed, by column").get_by_role("row", name="amount 1")
        ).to_be_visible()
        expect(page.get_by_role("region", name="First rows that were removed").get_by_role("cell")).to_have_text(["0"])
        tab.screenshot("compare-desktop")
        assert tab.judged() == []
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Restore version 1").click()
        tab.screenshot("restore-desktop")
        page.get_by_role("dialog").get_by_role("button", name="Restore").click()
        expect(page.get_by_text("restores 1")).to_be_visible()
        page.goto(f"/datasets/{orders}?tab=settings")
        _erased(page, "nobody@example.org")
        expect(page.get_by_text("No row of any version has this value in email.")).to_be_visible()
        _erased(page, "p7@example.org")
        expect(page.get_by_text("Erased. 3 versions had the person")).to_be_visible()
        expect(page.get_by_text("Version 3: 1 row removed")).to_be_visible()
        tab.screenshot("erase-desktop")


def test_where_versions_came_from_and_what_was_made_of_them_is_drawn(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff, orders: str
) -> None:
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        version = next(iter(client.datasets.versions(orders)))
    make_run(web_hub.database, staff.ada, UUID(str(version.id)))
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        with page.expect_response(re.compile("/api/.*/lineage")) as answer:
            page.goto(f"/datasets/{orders}?tab=lineage")
        told = answer.value.json()
        picture = page.get_by_role("region", name="What the data came through")
        things = picture.get_by_role("listitem")
        expect(things).to_have_count(len(told["nodes"]))
        expect(picture.locator("[data-edge]")).to_have_count(len(told["edges"]))
        picture.get_by_role("link", name="version 1").focus()
        expect(picture.get_by_role("link", name="before.csv")).to_have_count(0)
        # what has nothing to do with the version that is looked at steps back
        expect(things.filter(has_text="after.csv")).to_have_css("opacity", "0.3")
        expect(things.filter(has_text="before.csv")).to_have_css("opacity", "1")
        tab.screenshot("lineage-desktop")
        assert tab.judged() == []
        page.get_by_role("button", name="List", exact=True).click()
        expect(page.get_by_role("list", name="Lineage").get_by_role("listitem").first).to_be_visible()
    phone = signed_in(open_tab, web_hub, "ada", language="de-DE", scheme="dark", **PHONE)
    with nothing_wrong(phone):
        phone.page.goto(f"/datasets/{orders}?tab=lineage")
        expect(phone.page.get_by_role("button", name="Liste")).to_have_attribute("aria-pressed", "true")
        phone.page.get_by_role("button", name="Bild").click()
        expect(phone.page.get_by_role("region", name="Wodurch die Daten gingen")).to_be_visible()
        phone.screenshot("lineage-phone-dark")
        assert phone.judged() == []


def test_a_profile_tells_what_repeats_what_goes_together_and_which_forms_texts_have(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff, tmp_path: Path
) -> None:
    (tmp_path / "sales.csv").write_text(BEFORE, encoding="utf-8")
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        sales = client.datasets.create("sales").address
        client.datasets.wait(client.datasets.upload(tmp_path / "sales.csv", sales))
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{sales}?tab=profile")
        expect(page.get_by_text("0 rows equal to an earlier one")).to_be_visible()
        together = page.get_by_role("region", name="What goes together")
        expect(together.get_by_role("row", name=f"id · amount 1 1 {PEOPLE}")).to_be_visible()
        expect(page.get_by_text("never falls")).to_have_count(2)
        expect(page.get_by_text("e-mail addresses")).to_be_visible()
        expect(page.get_by_text("median")).to_have_count(2)
        tab.screenshot("profile-whole-desktop")
        assert tab.judged() == []
    phone = signed_in(open_tab, web_hub, "ada", language="de-DE", scheme="dark", **PHONE)
    with nothing_wrong(phone):
        phone.page.goto(f"/datasets/{sales}?tab=profile")
        expect(phone.page.get_by_text("Was zusammenhängt")).to_be_visible()
        phone.screenshot("profile-phone-dark")
        assert phone.judged() == []


def test_a_file_is_fetched_from_an_address_and_why_it_was_not_is_told(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff
) -> None:
    tab = signed_in(open_tab, web_hub, "ada", scheme="dark", **PHONE)
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/datasets?upload=true")
        page.get_by_role("tab", name="A web address").click()
        page.get_by_role("textbox", name="Web address").fill("example.org/trips.csv")
        page.get_by_role("textbox", name="Name").fill("trips")
        page.get_by_role("button", name="Fetch").click()
        expect(page.get_by_text("Write an address that begins with https://")).to_be_visible()
        page.get_by_role("textbox", name="Web address").fill("http://127.0.0.1/trips.csv")
        tab.screenshot("fetch-phone-dark")
        page.get_by_role("button", name="Fetch").click()
        expect(page.get_by_text("trips.csv could not be taken in")).to_be_visible()
        expect(page.get_by_text("which is not a public address")).to_be_visible()


def test_who_may_only_read_finds_a_download_and_nothing_that_writes(
    open_tab: OpenTab, web_hub: WebHub, orders: str
) -> None:
    tab = signed_in(open_tab, web_hub, "grace", language="de-DE", **PHONE)
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{orders}")
        expect(page.get_by_role("button", name="Herunterladen")).to_be_visible()
        expect(page.get_by_role("button", name="Neue Version")).to_have_count(0)
        page.goto(f"/datasets/{orders}?tab=versions")
        expect(page.get_by_role("link", name="Version 1")).to_be_visible()
        expect(page.get_by_role("button", name="Zeilen vergleichen")).to_have_count(0)
        expect(page.get_by_role("button", name="wiederherstellen")).to_have_count(0)
        page.goto(f"/datasets/{orders}?tab=settings")
        expect(page.get_by_text("Personenbezogene Daten", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Person löschen")).to_have_count(0)
