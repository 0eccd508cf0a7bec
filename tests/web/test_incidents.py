"""Incidents in a real browser: gone through by keys, with everything one does told in their timelines."""

from playwright.sync_api import expect

from fixtures.app import rows_of
from fixtures.web import OpenTab, WebHub
from fixtures.web_people import Staff, signed_in, staff
from make.data import make_dataset
from make.incidents import events_of, incident_row, make_incident

__all__ = ["staff"]


def test_incidents_are_gone_through_by_keys_and_one_is_resolved_with_a_reason(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff
) -> None:
    database = web_hub.database
    dataset_id, address = make_dataset(database, staff.ada)
    rests, taken, over = (make_incident(database, staff.ada, dataset_id, title=title) for title in ("c", "b", "a"))
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    page.goto(f"{web_hub.url}/incidents?dataset={address}")
    rows = page.locator("a[data-incident]")
    expect(rows).to_have_count(3)
    rows.first.focus()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(rows.nth(1)).to_contain_text("Looked after")
    rows.nth(1).focus()
    page.keyboard.press("j")
    page.keyboard.press("s")
    expect(rows.nth(2)).to_contain_text("Put off")
    rows.nth(1).focus()
    page.keyboard.press("k")
    expect(rows.first).to_be_focused()
    page.keyboard.press("r")
    page.get_by_role("dialog").get_by_label("Why").select_option("expected")
    page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    expect(rows).to_have_count(2)
    assert incident_row(database, over)["resolution"] == "expected"
    assert incident_row(database, taken)["assignee_id"] == staff.ada.user_id
    assert incident_row(database, rests)["snoozed_until"] is not None
    page.goto(f"{web_hub.url}/incidents/{taken}")
    page.get_by_label("Add to the timeline").fill("The sensor was moved.")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("The sensor was moved.", exact=True)).to_be_visible()
    assert events_of(database, taken) == ["opened", "acknowledged", "commented"]
    assert rows_of(database, "SELECT 1 FROM incidents WHERE snoozed_until > now() + interval '20 hours'")
    assert tab.faults == []
