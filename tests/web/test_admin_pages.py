"""The administration's pages in a real browser: people, acting as one of them, the queue, the audit log, programs."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from fixtures.app import rows_of
from fixtures.hubs import wait_until
from fixtures.queue import put_dead_job
from fixtures.web import LOOKS, OpenTab, WebHub, nothing_wrong
from fixtures.web_people import Staff, signed_in, staff
from lyceum.kernel.ids import new_id
from make.accounts import make_group, make_member
from make.personal import make_personal

__all__ = ["staff"]


@pytest.mark.usefixtures("staff")
def test_whoever_is_suspended_is_signed_out_in_their_open_tab_until_they_are_let_back_in(
    open_tab: OpenTab, web_hub: WebHub
) -> None:
    theirs = signed_in(open_tab, web_hub, "grace").page
    theirs.goto("/")
    expect(theirs.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    ada = signed_in(open_tab, web_hub, "ada")
    page = ada.page
    with nothing_wrong(ada):
        page.goto("/admin/users")
        page.get_by_label("Search").fill("grace@")
        expect(page.get_by_text("ada@example.org")).to_be_hidden()
        page.get_by_role("button", name="Actions for Grace").click()
        page.get_by_role("menuitem", name="Suspend").click()
        expect(page.get_by_text("suspended", exact=True)).to_be_visible()
        theirs.get_by_role("link", name="Datasets").first.click()
        expect(theirs.get_by_role("dialog", name="Sign in again")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("suspended", exact=True)).to_be_hidden()
    # it is shown at once, and so a moment before it is so
    back = "SELECT id FROM users WHERE email = 'grace@example.org' AND suspended_at IS NULL"
    wait_until(lambda: bool(rows_of(web_hub.database, back)))


@pytest.mark.usefixtures("staff")
def test_acting_as_somebody_stands_over_every_page_until_it_is_ended(open_tab: OpenTab, web_hub: WebHub) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/admin/users")
        page.get_by_role("button", name="Actions for Grace").click()
        page.get_by_role("menuitem", name="Act as them").click()
        page.get_by_label("Why").fill("She cannot find a dataset")
        page.get_by_role("dialog").get_by_role("button", name="Act as them").click()
        banner = page.get_by_role("region", name="Acting as somebody else")
        expect(banner).to_contain_text("You act as Grace")
        expect(page.get_by_role("button", name="Grace, account menu")).to_be_visible()
        # what is the hub's is not hers
        expect(page.get_by_role("link", name="Administration")).to_be_hidden()
        page.reload()
        page.get_by_role("link", name="Datasets").first.click()
        expect(banner).to_be_visible()
        assert tab.accessibility_faults() == []
        tab.screenshot("admin-acting")
        page.get_by_role("button", name="End", exact=True).click()
        expect(page.get_by_role("heading", name="People", level=1)).to_be_visible()
        expect(banner).to_be_hidden()
        expect(page.get_by_role("button", name="Ada, account menu")).to_be_visible()


@pytest.mark.usefixtures("staff")
def test_a_dead_job_is_found_read_and_tried_again(open_tab: OpenTab, web_hub: WebHub) -> None:
    job_id = put_dead_job(web_hub.database, "kernel.sweep_brief_rows")
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/admin/queue")
        page.get_by_label("State").select_option("dead")
        row = (
            page.get_by_role("listitem")
            .filter(has_text="kernel.sweep_brief_rows")
            .filter(has_text="The disk was away.")
        )
        expect(row).to_have_count(1)
        row.get_by_role("button", name="Log of kernel.sweep_brief_rows").click()
        expect(page.get_by_role("dialog")).to_contain_text("job_failed")
        page.keyboard.press("Escape")
        row.get_by_role("button", name="Retry").click()
        expect(row).to_be_hidden()
    ended = "SELECT id FROM jobs WHERE id = %s AND state = 'done' AND attempt = 2"
    wait_until(lambda: bool(rows_of(web_hub.database, ended, job_id)))


@pytest.mark.usefixtures("staff")
def test_the_audit_log_is_filtered_and_what_is_left_is_saved(open_tab: OpenTab, web_hub: WebHub) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/admin/audit")
        page.get_by_label("Person").fill("grace@example.org")
        page.wait_for_url("**actor=**")
        lines = page.get_by_role("main").get_by_role("listitem")
        expect(lines.filter(has_text="Ada")).to_have_count(0)
        expect(lines.first).to_contain_text("Grace")
        page.get_by_role("button", name="Show everything").click()
        page.get_by_label("Action").fill("suspend_person")
        page.get_by_label("Action").press("Enter")
        expect(lines.first).to_contain_text("suspend_person")
        expect(lines.filter(has_text="impersonate")).to_have_count(0)
        lines.first.locator("summary").click()
        expect(lines.first).to_contain_text("Digest after")
        with page.expect_download() as saving:
            page.get_by_role("button", name="CSV").click()
        saved = Path(saving.value.path()).read_text(encoding="utf-8").splitlines()
        assert saved[0].startswith("id,at,organisation_id,actor_id,actor")
        assert len(saved) > 1
        assert all("suspend_person" in line for line in saved[1:])


@pytest.mark.usefixtures("staff")
def test_a_program_is_added_and_its_secret_shown_once(open_tab: OpenTab, web_hub: WebHub) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/admin/programs")
        page.get_by_role("button", name="Add program").click()
        page.get_by_label("Name").fill("Grafana")
        page.get_by_label("Redirect addresses").fill("https://grafana.example.org/login/generic_oauth")
        page.get_by_role("button", name="Save").click()
        secret = page.get_by_label("Client secret", exact=True).inner_text()
        assert len(secret) > 30
        assert tab.accessibility_faults() == []
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_role("listitem").filter(has_text="Grafana")).to_be_visible()
        assert secret not in page.content()


@pytest.mark.parametrize("name, look", LOOKS)
def test_a_rule_of_a_provider_leads_into_a_group_of_the_chosen_organisation(
    open_tab: OpenTab, web_hub: WebHub, staff: Staff, name: str, look: dict[str, Any]
) -> None:
    mark = f"{name}-{new_id().hex[-6:]}"
    other = make_member(web_hub.database)
    provider_id = make_personal(web_hub.database, other)["provider_id"]
    rows_of(web_hub.database, "UPDATE sign_on_providers SET title = %s WHERE id = %s", mark, provider_id)
    rows_of(web_hub.database, "UPDATE organisations SET title = %s WHERE id = %s", f"School {mark}", other.org_id)
    make_group(web_hub.database, staff.ada, name=f"Forecasters {mark}")
    course = make_group(web_hub.database, other, name=f"Course {mark}")
    tab = signed_in(open_tab, web_hub, "ada", **look)
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/admin/sign-on")
        card = page.locator("section").filter(has=page.get_by_role("heading", name=mark))
        card.get_by_role("button", name="Add rule").click()
        dialog = page.get_by_role("dialog")
        into = dialog.get_by_label("Group of the organisation")
        dialog.get_by_label("Group at the provider").fill("ml-*")
        dialog.get_by_label("Organisation", exact=True).select_option(label="Weather office")
        expect(into.get_by_role("option", name=f"Forecasters {mark}")).to_have_count(1)
        # what was chosen of one organisation is not kept for another
        into.select_option(label=f"Forecasters {mark}")
        dialog.get_by_label("Organisation", exact=True).select_option(label=f"School {mark}")
        expect(into.get_by_role("option", name=f"Course {mark}")).to_have_count(1)
        expect(into).to_have_value("")
        into.select_option(label=f"Course {mark}")
        assert tab.accessibility_faults() == []
        tab.screenshot(f"admin-{name}-sign-on-rule")
        dialog.get_by_role("button", name="Save").click()
        rule = card.get_by_role("listitem").filter(has_text=f"leads into the group Course {mark}")
        expect(rule).to_contain_text(f"ml-* gives Viewer in {other.org_name}")
        rule.scroll_into_view_if_needed()
        tab.screenshot(f"admin-{name}-sign-on-rules")
        assert tab.overflow_px() == 0
        # what is undone comes back as it was
        rule.get_by_role("button", name="Remove the rule for ml-*").click()
        expect(rule).to_be_hidden()
        page.get_by_role("button", name="Undo").click()
        expect(rule).to_be_visible()
    kept = "SELECT role, into_group_id FROM sign_on_rules WHERE provider_id = %s AND group_pattern = 'ml-*'"
    assert rows_of(web_hub.database, kept, provider_id) == [{"role": "viewer", "into_group_id": course}]


@pytest.mark.usefixtures("staff")
def test_for_everybody_else_there_is_no_such_page(open_tab: OpenTab, web_hub: WebHub) -> None:
    page = signed_in(open_tab, web_hub, "grace").page
    page.goto("/admin/users")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    expect(page.get_by_role("link", name="Administration")).to_be_hidden()
    page.goto("/")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    expect(page.get_by_role("heading", name="Not set up yet")).to_be_hidden()


@pytest.mark.usefixtures("staff")
def test_the_overview_tells_administrators_what_is_not_set_up_until_they_hide_it(
    open_tab: OpenTab, web_hub: WebHub
) -> None:
    tab = signed_in(open_tab, web_hub, "ada")
    page = tab.page
    page.goto("/")
    card = page.get_by_role("heading", name="Not set up yet")
    expect(card).to_be_visible()
    expect(page.get_by_text("LYCEUM_PUBLIC_URL")).to_be_visible()
    card.scroll_into_view_if_needed()
    tab.screenshot("admin-set-up")
    page.get_by_role("button", name="Hide").click()
    expect(card).to_be_hidden()
    page.reload()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    expect(card).to_be_hidden()
