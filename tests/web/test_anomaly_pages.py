"""What was odd of a dataset's versions, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from fixtures.app import rows_of
from fixtures.web import PHONE, OpenTab, WebHub, nothing_wrong
from fixtures.web_people import Staff, signed_in, staff
from lyceum_client import Client
from make.watching import delays, learned

__all__ = ["staff"]


@pytest.mark.timeout(400)
def test_an_odd_version_is_seen_against_its_band_and_answered(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff, tmp_path: Path
) -> None:
    delays(100).write_csv(tmp_path / "usual.csv")
    delays(101, late=60).write_csv(tmp_path / "late.csv")
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        address = client.datasets.create("watched").address
        client.datasets.wait(client.datasets.upload(tmp_path / "usual.csv", address))
        tab = signed_in(open_tab, web_hub, "ada")
        page = tab.page
        with nothing_wrong(tab):
            page.goto(f"/datasets/{address}?tab=anomalies")
            expect(page.get_by_text("watched from its 10th version on, and judged once 28")).to_be_visible()
            page.get_by_role("button", name="Watch now").click()
            expect(page.get_by_text("Still learning: 1 of 28")).to_be_visible()
        rows_of(
            web_hub.database,
            "UPDATE dataset_watches SET state = %s, memory = %s"
            " WHERE dataset_id = (SELECT id FROM datasets WHERE name = 'watched')",
            *learned(),
        )
        client.datasets.wait(client.datasets.upload(tmp_path / "late.csv", address))
    with nothing_wrong(tab):
        page.goto(f"/datasets/{address}?tab=anomalies&metric=delay%7Cmean")
        odd = page.get_by_role("list", name="Odd versions")
        expect(odd.get_by_role("link", name="version 2")).to_be_visible()
        expect(page.get_by_role("img", name="delay · Mean by version")).to_be_visible()
        page.get_by_role("button", name="delay · Median", exact=True).click()
        expect(page.get_by_role("img", name="delay · Median by version")).to_be_visible()
        tab.screenshot("anomalies-desktop")
        odd.get_by_role("button", name="Not expected").click()
        expect(odd.get_by_role("button", name="Not expected")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("link", name="Incidents of this dataset").click()
        expect(page.get_by_role("heading", name="Incidents")).to_be_visible()
    phone = signed_in(open_tab, web_hub, "ada", language="de-DE", scheme="dark", **PHONE)
    with nothing_wrong(phone):
        phone.page.goto(f"/datasets/{address}?tab=anomalies")
        expect(phone.page.get_by_role("list", name="Auffällige Versionen")).to_be_visible()
        phone.screenshot("anomalies-phone")
