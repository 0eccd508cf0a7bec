"""The page of one incident in a real browser: what was seen beside the timeline, and who does what about it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fixtures.app import rows_of
from fixtures.web import PHONE, OpenTab, WebHub, nothing_wrong
from fixtures.web_people import Staff, signed_in, staff
from lyceum_client import Client
from make.data import make_dataset
from make.incidents import events_of, incident_row, make_incident
from make.watching import delays, learned

__all__ = ["staff"]

ROWS = 40


def _open_incident_of(page: Page, address: str) -> None:
    """Open the only incident of a dataset, which comes to the list by itself."""
    page.goto(f"/incidents?dataset={address}")
    page.locator("a[data-incident]").click()


def _timeline(page: Page) -> list[str]:
    return [text.split("\n")[0] for text in page.locator("ol > li").all_inner_texts()]


@pytest.mark.timeout(400)
def test_the_failing_rows_and_the_history_of_a_check_stand_beside_the_timeline(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff, tmp_path: Path
) -> None:
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        address = client.datasets.create("sold").address
        for least in (0, -3):
            rows = "".join(f"{at},{at + least}\n" for at in range(ROWS))
            (tmp_path / "sold.csv").write_text(f"id,price\n{rows}", encoding="utf-8")
            client.datasets.wait(client.datasets.upload(tmp_path / "sold.csv", address))
            if least == 0:
                client.checks.add(address, {"kind": "range", "column": "price", "min": 0})
            client.checks.run(address)
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        _open_incident_of(page, address)
        failing = page.get_by_role("region", name="Failing rows")
        expect(failing.get_by_role("row")).to_have_count(4)
        expect(failing.get_by_role("row", name="1 0 -3")).to_be_visible()
        expect(page.get_by_role("img", name="Share of failing rows, run by run")).to_be_visible()
        expect(page.get_by_text("Rows that fail", exact=True)).to_be_visible()
        incident = page.url
        tab.screenshot("incident-check-desktop")
        assert tab.judged() == []
        page.get_by_role("link", name="All results of its check runs").click()
        expect(page.get_by_role("tab", name="Check runs")).to_have_attribute("aria-selected", "true")
    phone = signed_in(open_tab, web_hub, "ada", language="de-DE", scheme="dark", **PHONE)
    with nothing_wrong(phone):
        phone.page.goto(incident)
        expect(phone.page.get_by_text("Was gesehen wurde")).to_be_visible()
        expect(phone.page.get_by_role("combobox", name="Übergeben an")).to_be_visible()
        phone.screenshot("incident-check-phone-dark")
        assert phone.judged() == []


@pytest.mark.timeout(400)
def test_the_metrics_that_were_odd_stand_against_their_bands(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff, tmp_path: Path
) -> None:
    delays(100).write_csv(tmp_path / "usual.csv")
    delays(101, late=60).write_csv(tmp_path / "late.csv")
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        address = client.datasets.create("rides").address
        client.datasets.wait(client.datasets.upload(tmp_path / "usual.csv", address))
        tab = signed_in(open_tab, web_hub, "ada")
        page = tab.page
        page.goto(f"/datasets/{address}?tab=anomalies")
        page.get_by_role("button", name="Watch now").click()
        expect(page.get_by_text("Still learning: 1 of 28")).to_be_visible()
        rows_of(
            web_hub.database,
            "UPDATE dataset_watches SET state = %s, memory = %s"
            " WHERE dataset_id = (SELECT id FROM datasets WHERE name = 'rides')",
            *learned(),
        )
        client.datasets.wait(client.datasets.upload(tmp_path / "late.csv", address))
    with nothing_wrong(tab):
        _open_incident_of(page, address)
        charts = page.get_by_role("img", name="by version")
        expect(charts).to_have_count(1)
        metrics = page.get_by_role("group", name="Metrics").get_by_role("button")
        second = metrics.nth(1).inner_text()
        metrics.nth(1).click()
        expect(page.get_by_role("img", name=f"{second} by version")).to_be_visible()
        tab.screenshot("incident-metrics-desktop")
        assert tab.judged() == []


def test_an_incident_is_given_to_somebody_taken_back_and_dropped(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff
) -> None:
    incident = make_incident(web_hub.database, staff.ada, make_dataset(web_hub.database, staff.ada)[0], title="given")
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/incidents/{incident}")
        page.get_by_role("combobox", name="Give it to").fill("Grace")
        page.get_by_role("option", name="Grace").click()
        expect(page.get_by_text("Given to Grace")).to_be_visible()
        assert incident_row(web_hub.database, incident)["assignee_id"] == staff.grace.user_id
        page.get_by_role("button", name="Take it").click()
        expect(page.get_by_role("button", name="Take it")).to_have_count(0)
        assert incident_row(web_hub.database, incident)["assignee_id"] == staff.ada.user_id
        page.get_by_role("button", name="Nobody").click()
        expect(page.get_by_role("button", name="Nobody")).to_have_count(0)
        assert incident_row(web_hub.database, incident)["assignee_id"] is None
        assert events_of(web_hub.database, incident) == ["opened", "assigned", "assigned", "assigned"]


def test_an_incident_is_put_off_for_a_length_or_until_a_time_of_ones_own(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff
) -> None:
    incident = make_incident(web_hub.database, staff.ada, make_dataset(web_hub.database, staff.ada)[0], title="later")
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page

    def rests_for() -> timedelta:
        until: datetime = incident_row(web_hub.database, incident)["snoozed_until"]
        return until - datetime.now(UTC)

    with nothing_wrong(tab):
        page.goto(f"/incidents/{incident}")
        page.get_by_role("button", name="Put off", exact=True).click()
        page.get_by_role("menuitem", name="For four hours").click()
        expect(page.get_by_role("button", name="Put off no longer")).to_be_visible()
        assert timedelta(hours=3) < rests_for() <= timedelta(hours=4)
        page.get_by_role("button", name="Put off no longer").click()
        page.get_by_role("button", name="Put off", exact=True).click()
        page.get_by_role("menuitem", name="Until …").click()
        window = page.get_by_role("dialog")
        window.get_by_label("Until when").fill("2020-01-01T10:00")
        window.get_by_role("button", name="Put off").click()
        expect(window.get_by_text("Choose a time to come, within 90 days.")).to_be_visible()
        later = datetime.now(UTC) + timedelta(days=3)
        window.get_by_label("Until when").fill(later.strftime("%Y-%m-%dT%H:%M"))
        window.get_by_role("button", name="Put off").click()
        expect(window).to_be_hidden()
        # the browser's clock may be in another zone than the hub's
        assert timedelta(days=2) < rests_for() < timedelta(days=4)


def test_a_comment_and_looking_after_it_are_one_press(open_tab: OpenTab, web_hub: WebHub, staff: Staff) -> None:
    incident = make_incident(web_hub.database, staff.ada, make_dataset(web_hub.database, staff.ada)[0], title="mine")
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/incidents/{incident}")
        page.get_by_label("Add to the timeline").fill("I look at the sensor.")
        page.get_by_role("button", name="Add and look after it").click()
        expect(page.get_by_text("I look at the sensor.", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Add and look after it")).to_have_count(0)
        row = incident_row(web_hub.database, incident)
        assert (row["state"], row["assignee_id"]) == ("acknowledged", staff.ada.user_id)
        assert _timeline(page)[0].startswith("Looks after it")
