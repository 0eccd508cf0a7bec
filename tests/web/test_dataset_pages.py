"""The tabs of a dataset's page in a real browser, on a hub with a table of two versions."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from fixtures.web import PHONE, OpenTab, WebHub, nothing_wrong
from fixtures.web_people import Staff, signed_in, staff
from lyceum_client import Client

__all__ = ["staff"]

BEFORE = "city,degrees\n" + "".join(f"c{at % 7},{at / 10}\n" for at in range(300))
AFTER = "city,degrees,station\n" + "".join(f"c{at % 7},{10 + at / 10},{'s' if at % 3 else ''}\n" for at in range(300))


@pytest.fixture(scope="module")
def measured(web_hub: WebHub, staff: Staff, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a dataset whose second version has a column more, and higher values."""
    folder: Path = tmp_path_factory.mktemp("measured")
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        address = client.datasets.create("measured").address
        for name, text in (("before.csv", BEFORE), ("after.csv", AFTER)):
            (folder / name).write_text(text, encoding="utf-8")
            client.datasets.wait(client.datasets.upload(folder / name, address))
    return address


def test_other_columns_are_tried_and_what_would_fix_a_break_is_said(
    open_tab: OpenTab, web_hub: WebHub, measured: str
) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{measured}?tab=schema")
        expect(page.get_by_text("The field station is new.")).to_be_visible()
        page.get_by_label("What has to hold").select_option("FULL")
        expect(page.get_by_text("From now on: Both ways")).to_be_visible()
        columns = page.get_by_label("Columns or schema")
        columns.fill("city string\ndegrees wrong")
        page.get_by_role("button", name="Try", exact=True).click()
        expect(page.get_by_text("Line 2: write a name")).to_be_visible()
        columns.fill("city string required\nstation string")
        page.get_by_role("button", name="Try", exact=True).click()
        breaks = page.get_by_role("list", name="Breaks")
        expect(breaks).to_contain_text("The field degrees is gone")
        expect(breaks).to_contain_text("Keep the field degrees, or first give it a default")
        columns.fill("city string required\ndegrees float required\nstation string")
        page.get_by_role("button", name="Try", exact=True).click()
        expect(page.get_by_text("This is allowed.")).to_be_visible()


def test_a_comparison_of_schemas_is_in_the_address(open_tab: OpenTab, web_hub: WebHub, measured: str) -> None:
    tab = signed_in(open_tab, web_hub, "grace", language="de-DE", **PHONE)
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{measured}?tab=schema&since=2&until=1")
        expect(page.get_by_text("Das Feld station ist weggefallen")).to_be_visible()
        page.get_by_label("Zu", exact=True).select_option("2")
        expect(page.get_by_text("Die Spalten sind die gleichen.")).to_be_visible()
        expect(page).to_have_url(page.url.replace("until=1", "until=2"))


def test_a_check_is_built_beside_its_yaml_and_tried_before_it_is_kept(
    open_tab: OpenTab, web_hub: WebHub, measured: str
) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{measured}?tab=checks")
        page.get_by_role("button", name="Add a check").click()
        page.get_by_label("Kind").select_option("range")
        page.get_by_label("Column", exact=True).select_option("degrees")
        page.get_by_label("At most", exact=True).fill("20")
        expect(page.get_by_text("199 of 300 rows have degrees above 20")).to_be_visible()
        yaml = page.get_by_label("As YAML")
        expect(yaml).to_have_value("kind: range\ncolumn: degrees\nmax: 20\n")
        yaml.fill("kind: range\ncolumn: [degrees")
        expect(page.get_by_text("Line 2:")).to_be_visible()
        yaml.fill("kind: range\ncolumn: degrees\nmax: 100\nseverity: warning\n")
        expect(page.get_by_label("At most", exact=True)).to_have_value("100")
        expect(page.get_by_text("passed", exact=True)).to_be_visible()
        page.get_by_role("button", name="Keep the check").click()
        kept = page.get_by_role("button", name="degrees is at most 100", exact=True)
        expect(kept).to_be_visible()
        expect(page.get_by_role("row", name="degrees is at most 100")).to_contain_text("warning")
        kept.click()
        page.get_by_label("At most", exact=True).fill("90")
        page.get_by_role("button", name="Keep the check").click()
        page.get_by_role("button", name="Turn off: degrees is at most 90").click()
        expect(page.get_by_role("row", name="degrees is at most 90")).to_contain_text("off")


def test_two_versions_lie_over_each_other_and_the_column_that_moved_furthest_is_named_first(
    open_tab: OpenTab, web_hub: WebHub, measured: str
) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{measured}?tab=profile")
        page.get_by_label("Compare with").select_option("1")
        effects = page.get_by_role("region", name="Effect size").get_by_role("row")
        expect(effects).to_have_count(3)
        expect(effects.nth(1)).to_contain_text("degrees")
        expect(effects.nth(1)).to_contain_text("moved")
        expect(effects.nth(2)).to_contain_text("alike")
        overlay = page.get_by_role("img", name="Distribution of degrees in versions 1 and 2")
        expect(overlay).to_be_visible()
        expect(page.get_by_text("new in version 2")).to_be_visible()
        assert "against=1" in page.url


def test_rows_are_ordered_and_filtered_by_the_hub_and_come_as_one_scrolls(
    open_tab: OpenTab, web_hub: WebHub, measured: str
) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{measured}")
        expect(page.get_by_text("300 of 300 rows")).to_be_visible()
        page.get_by_role("button", name="Order by degrees").click()
        page.get_by_role("button", name="Order by degrees").click()
        expect(page.get_by_role("columnheader", name="Order by degrees")).to_have_attribute("aria-sort", "descending")
        first = page.get_by_role("table").get_by_role("row").nth(1)
        expect(first).to_contain_text("39.9")
        expect(first.get_by_role("rowheader")).to_have_text("300")
        page.get_by_role("region", name="Data", exact=True).evaluate("box => box.scrollTo(0, box.scrollHeight)")
        expect(page.get_by_role("row", name="1 c0 10")).to_be_visible()
        form = page.get_by_role("form", name="Filter")
        form.get_by_label("Column").select_option("city")
        form.get_by_label("Value").fill("c3")
        form.get_by_role("button", name="Add filter").click()
        expect(page.get_by_text("43 of 300 rows")).to_be_visible()
        page.reload()
        expect(page.get_by_text("43 of 300 rows")).to_be_visible()
        page.get_by_role("button", name="Remove filter: city is c3").click()
        expect(page.get_by_text("300 of 300 rows")).to_be_visible()


def test_suggested_checks_are_kept_or_refused_several_at_once_and_their_run_is_shown_with_the_score(
    open_tab: OpenTab, web_hub: WebHub, measured: str
) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{measured}?tab=checks&check=suggested")
        suggested = page.get_by_role("list", name="Suggested by the data").get_by_role("checkbox")
        expect(suggested.first).to_be_visible()
        count = suggested.count()
        page.get_by_label("chosen").uncheck()
        suggested.first.check()
        page.get_by_role("button", name="Refuse").click()
        expect(suggested).to_have_count(count - 1)
        page.get_by_role("button", name="Keep", exact=True).click()
        expect(suggested).to_have_count(0)
        expect(page.get_by_role("button", name="Suggest 1 refused one again")).to_be_visible()
        page.get_by_role("button", name="All checks").click()
        page.get_by_role("button", name="Run checks").click()
        expect(page.get_by_text("Data quality:")).to_be_visible()
        page.get_by_role("tab", name="Check runs").click()
        expect(page.get_by_role("button", name="started by somebody")).to_be_visible()
        page.get_by_text("city is never missing").click()
        expect(page.get_by_text("All 300 rows have city")).to_be_visible()


def test_what_a_dataset_says_of_itself_is_changed_and_a_wrong_tag_is_named(
    open_tab: OpenTab, web_hub: WebHub, measured: str
) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    page.goto(f"/datasets/{measured}?tab=settings")
    page.get_by_label("Tags").fill("weather, No Capitals")
    save = page.locator("form").filter(has=page.get_by_label("Tags")).get_by_role("button", name="Save")
    save.click()
    expect(page.locator("[role=alert]").first).to_be_visible()
    page.get_by_label("Tags").fill("weather, hourly")
    page.get_by_label("Licence").fill("CC-BY-4.0")
    page.get_by_label("Readme").fill("# Measured\n")
    save.click()
    expect(page.get_by_text("The dataset is saved")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Tags")).to_have_value("weather, hourly")
    expect(page.get_by_label("Readme")).to_have_value("# Measured\n")
    assert tab.accessibility_faults() == []
