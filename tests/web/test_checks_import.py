"""Checks brought in files, in a real browser."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fixtures.staffed import csv_of
from fixtures.web import OpenTab, WebHub, nothing_wrong
from fixtures.web_people import Staff, signed_in, staff
from lyceum_client import Client
from make.watching import delays

__all__ = ["staff"]


@pytest.fixture(scope="module")
def delayed(web_hub: WebHub, staff: Staff, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a dataset of one version."""
    path: Path = tmp_path_factory.mktemp("delayed") / "delays.csv"
    path.write_bytes(csv_of(delays(100)))
    with Client(web_hub.url, api_key=staff.ada.key) as client:
        address = client.datasets.create("delays-checked").address
        client.datasets.wait(client.datasets.upload(path, address))
    return address


def test_checks_come_from_files_once_it_is_seen_what_would_change_and_suggestions_are_edited(
    open_tab: OpenTab, web_hub: WebHub, delayed: str
) -> None:
    expectations = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "delay"}},
        {"type": "expect_column_values_to_be_dateutil_parseable", "kwargs": {"column": "delay"}},
    ]
    suite = json.dumps(
        {"name": "delays", "expectations": expectations, "meta": {"great_expectations_version": "1.24.1"}}
    )
    own = "checks:\n  - kind: range\n    column: delay\n    min: -5\n"
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/datasets/{delayed}?tab=checks&check=import")
        file = page.locator("input[type=file]")
        file.set_input_files({"name": "suite.json", "mimeType": "application/json", "buffer": suite.encode()})
        would = page.get_by_role("list", name="This is what would change.").get_by_role("listitem")
        expect(would).to_have_count(1)
        expect(page.get_by_text("One thing cannot be taken over")).to_be_visible()
        tab.looks_right("checks-import")
        page.get_by_role("button", name="Add the checks").click()
        expect(page.get_by_role("button", name="From a file")).to_be_visible()
        page.get_by_role("button", name="From a file").click()
        file.set_input_files(
            {"name": "wrong.yaml", "mimeType": "application/yaml", "buffer": b"checks:\n  - kind: rang\n"}
        )
        expect(page.get_by_role("alert").filter(has_text="rang")).to_be_visible()
        file.set_input_files({"name": "own.yaml", "mimeType": "application/yaml", "buffer": own.encode()})
        expect(would).to_have_count(2)
        expect(would.first).to_contain_text("dropped")
        page.get_by_role("button", name="Replace the checks").click()
        expect(page.get_by_role("button", name="delay is at least -5", exact=True)).to_be_visible()
        page.get_by_role("button", name="Suggest").click()
        page.get_by_role("button", name="Edit before keeping").first.click()
        page.get_by_label("When it fails").select_option("warning")
        page.get_by_role("button", name="Keep the check").click()
        page.get_by_role("button", name="All checks").click()
        expect(page.get_by_role("row").filter(has_text="warning")).to_have_count(1)
