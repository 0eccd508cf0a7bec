"""Where a dataset's rows come from by themselves, in a real browser."""

import pytest
from playwright.sync_api import expect

from fixtures.web import OpenTab, WebHub, nothing_wrong
from fixtures.web_people import Staff, signed_in, staff
from lyceum_client import Client
from make.watching import delays

__all__ = ["staff"]


@pytest.mark.timeout(400)
def test_a_stream_and_a_database_are_set_looked_after_and_removed(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("fed") / "fed.csv"
    delays(1).write_csv(file)
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        address = client.datasets.create("fed").address
        client.datasets.wait(client.datasets.upload(file, address))
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{address}?tab=sources")
        page.get_by_role("button", name="Add a stream").click()
        page.get_by_label("Name", exact=True).fill("flights")
        page.get_by_label("Brokers").fill("127.0.0.1:1")
        page.get_by_label("Topic").fill("flights.v1")
        page.get_by_role("dialog").get_by_role("button", name="Add a stream").click()
        stream = page.get_by_role("list", name="Streams (Kafka)")
        expect(stream.get_by_text("flights.v1")).to_be_visible()
        stream.get_by_role("button", name="Pause").click()
        expect(stream.get_by_text("Paused")).to_be_visible()
        page.get_by_role("button", name="Set a database").click()
        page.get_by_label("Connection URL").fill("postgresql://reader:hidden-word@127.0.0.1:1/flights")
        page.get_by_label("Table", exact=True).fill("departures")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("departures")).to_be_visible()
        expect(page.get_by_text("hidden-word")).to_have_count(0)
        tab.screenshot("sources-desktop")
        page.get_by_role("button", name="Forget").click()
        page.get_by_role("dialog").get_by_role("button", name="Forget").click()
        expect(page.get_by_text("Not read from a database")).to_be_visible()
        stream.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_text("No stream is read into this dataset")).to_be_visible()
