"""Incidents in a real browser: gone through by keys, with everything one does told in their timelines."""

import httpx
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


def test_several_are_chosen_by_keys_and_resolved_at_once_and_a_new_one_comes_by_itself(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff
) -> None:
    database = web_hub.database
    dataset_id, address = make_dataset(database, staff.ada)
    first, second = (make_incident(database, staff.ada, dataset_id, title=title) for title in ("one", "two"))
    kept = make_incident(database, staff.ada, dataset_id, title="kept")
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    page.goto(f"{web_hub.url}/incidents?dataset={address}")
    rows = page.locator("a[data-incident]")
    expect(rows).to_have_count(3)
    rows.nth(1).focus()
    for key in "xjx":
        page.keyboard.press(key)
    expect(page.get_by_text("2 chosen")).to_be_visible()
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="2 incidents")
    dialog.get_by_label("Why").select_option("false_alarm")
    dialog.get_by_role("button", name="Resolve").click()
    expect(rows).to_have_count(1)
    assert {incident_row(database, one)["resolution"] for one in (first, second)} == {"false_alarm"}
    headers = {"authorization": f"Bearer {staff.ada.key}"}
    httpx.post(f"{web_hub.url}/api/v1/incidents/{kept}/acknowledge", json={}, headers=headers).raise_for_status()
    expect(rows).to_contain_text("Looked after")
    assert tab.faults == []


def test_a_rule_says_who_is_told_and_goes_before_another(open_tab: OpenTab, web_hub: WebHub, staff: Staff) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    page.goto(f"{web_hub.url}/incidents")
    page.get_by_role("link", name="Alert rules").click()
    for name in ("Days", "Nights"):
        page.get_by_role("button", name="Add a rule").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill(name)
        dialog.get_by_role("button", name="Save rule").click()
        expect(dialog.get_by_text("Name a destination or somebody")).to_be_visible()
        dialog.get_by_role("combobox", name="Add somebody").fill("Grace")
        dialog.get_by_role("option", name="Grace").click()
        dialog.get_by_label("Critical", exact=True).check()
        dialog.get_by_label("At certain times only").check()
        dialog.get_by_label("Sun", exact=True).uncheck()
        dialog.get_by_role("button", name="Save rule").click()
        expect(dialog).to_be_hidden()
    rules = page.get_by_role("list", name="Alert rules").get_by_role("listitem")
    expect(rules.first).to_contain_text("Critical Mon, Tue, Wed, Thu, Fri, Sat 22:00")
    page.get_by_role("button", name="Move Nights up").click()
    expect(rules.first).to_contain_text("Nights")
    page.get_by_label("On: Nights").uncheck()
    expect(rules.first).to_contain_text("off")
    page.get_by_role("button", name="Send a sample").first.click()
    expect(page.get_by_text("A sample of Nights is on its way")).to_be_visible()
    kept = rows_of(database := web_hub.database, "SELECT name, people FROM alert_rules ORDER BY position")
    assert [row["name"] for row in kept] == ["Nights", "Days"]
    assert kept[0]["people"] == [str(staff.grace.user_id)]
    assert rows_of(database, "SELECT 1 FROM notices WHERE user_id = %s", staff.grace.user_id)
    assert tab.accessibility_faults() == []
