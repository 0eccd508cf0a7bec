"""What is one's own in the web app: the overview of a new hub, the inbox, what one is told, one's data; and the app itself."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, Route, expect

from fixtures.app import rows_of
from fixtures.web import DESKTOP, PHONE, OpenTab, Tab, WebHub, nothing_wrong
from lyceum.kernel.ids import new_id
from lyceum.notify.unsubscribing import EVERY_KIND, token_for

EMAIL, PASSWORD = "ada@example.org", "correct horse battery staple"
NOTICES = 34
RUN = {"run_id": "1", "dataset": "main/flights", "target": "late", "metric": "ROC AUC", "score": "0.77"}
FAILED = {"run_id": "2", "dataset": "main/flights", "target": "late", "reason": "It has no rows."}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test keeps its sign-in for the others."""
    return tmp_path_factory.mktemp("home") / "state.json"


@pytest.fixture
def at_home(open_tab: OpenTab, state: Path) -> Callable[..., Tab]:
    """Open a tab of whoever set the hub up."""

    def opened(**options: object) -> Tab:
        return open_tab(storage_state=state, **({**DESKTOP, **options}))

    return opened


def _user_id(hub: WebHub) -> UUID:
    found: UUID = rows_of(hub.database, "SELECT id FROM users WHERE email = %s", EMAIL)[0]["id"]
    return found


def _tell(hub: WebHub, kind: str, facts: dict[str, str]) -> None:
    statement = "INSERT INTO notices (id, user_id, kind, data, in_inbox, mail) VALUES (%s, %s, %s, %s, true, 'none')"
    rows_of(hub.database, statement, new_id(), _user_id(hub), kind, json.dumps(facts))


def _bell(page: Page, unread: str) -> None:
    expect(page.get_by_role("link", name=f"Inbox, {unread} unread")).to_be_visible()


def test_a_new_hub_asks_one_question_and_shows_the_way(open_tab: OpenTab, web_hub: WebHub, state: Path) -> None:
    tab = open_tab(**DESKTOP)
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/setup?token={web_hub.setup_token}")
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create administrator").click()
        expect(page.get_by_role("group", name="What brings you here?")).to_be_visible()
        way = page.get_by_role("list", name="The way of a table")
        expect(way.get_by_text("to be done")).to_have_count(4)
        page.context.storage_state(path=state)

        page.reload()
        expect(way).to_be_visible()
        tab.looks_right("home-new-desktop-light")
        page.get_by_text("Just looking", exact=True).click()
        expect(page.get_by_role("group", name="What brings you here?")).to_be_hidden()
        expect(page.get_by_role("navigation").get_by_role("link", name="Runs")).to_have_count(0)
        page.reload()
        expect(way).to_be_visible()
        expect(page.get_by_role("navigation").get_by_role("link", name="Runs")).to_have_count(0)

        page.goto("/settings")
        expect(page.get_by_role("radio", name="Just looking")).to_be_checked()
        page.get_by_text("Team", exact=True).click()
        expect(page.get_by_role("navigation").get_by_role("link", name="Runs")).to_be_visible()


def test_a_key_and_an_invitation_are_made_where_they_are_used(at_home: Callable[..., Tab]) -> None:
    tab = at_home(permissions=["clipboard-read", "clipboard-write"])
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/")
        page.get_by_role("button", name="Make key").click()
        expect(page.get_by_label("Use from a notebook", exact=True)).to_contain_text(re.compile(r'"lyk_\w{20,}'))
        page.get_by_label("As what").select_option("maintainer")
        page.get_by_role("button", name="Make a link").click()
        link = page.get_by_label("Invitation link", exact=True)
        expect(link).to_contain_text("/join?token=")
        page.get_by_role("button", name="Copy").last.click()
        assert page.evaluate("navigator.clipboard.readText()") == link.text_content()
        tab.looks_right("home-made-desktop-light")


def test_nothing_moves_on_the_overview_of_a_phone(at_home: Callable[..., Tab]) -> None:
    tab = at_home(scheme="dark", **PHONE)
    tab.page.goto("/")
    tab.page.get_by_role("list", name="The way of a table").wait_for()
    tab.looks_right("home-new-phone-dark")
    tab.page.screenshot(path=Path(__file__).parents[2] / "web" / "screens" / "home-new-phone-full.png", full_page=True)


def test_the_inbox_is_read_put_back_and_paged(at_home: Callable[..., Tab], web_hub: WebHub) -> None:
    for number in range(NOTICES):
        _tell(web_hub, *(("run_failed", FAILED) if number % 3 == 1 else ("run_finished", RUN)))
    tab = at_home()
    page = tab.page
    page.goto("/inbox")
    rows = page.get_by_role("main").get_by_role("listitem")
    expect(rows).to_have_count(30)
    tab.looks_right("inbox-desktop-light")
    page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(NOTICES)

    rows.first.get_by_role("button", name="Mark as read").click()
    _bell(page, str(NOTICES - 1))
    rows.first.get_by_role("button", name="Mark as unread").click()
    _bell(page, str(NOTICES))
    page.get_by_role("button", name="Mark all as read").click()
    _bell(page, "0")
    page.get_by_role("button", name="Undo").click()
    _bell(page, str(NOTICES))
    page.reload()
    _bell(page, str(NOTICES))

    rows.first.get_by_role("link").click()
    page.wait_for_url("**/runs/1")
    _bell(page, str(NOTICES - 1))
    page.goto("/inbox?show=unread")
    expect(rows.first.get_by_role("button", name="Mark as read")).to_be_visible()


def test_what_the_hub_refuses_is_shown_as_it_was(at_home: Callable[..., Tab]) -> None:
    page = at_home().page
    page.goto("/inbox?show=unread")
    _bell(page, str(NOTICES - 1))

    def refuse(route: Route) -> None:
        route.fulfill(status=409, content_type="application/problem+json", body='{"detail": "Not now."}')

    page.route("**/api/v1/inbox/read", refuse)
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_text("Not now.")).to_be_visible()
    _bell(page, str(NOTICES - 1))


def test_the_bell_counts_as_it_happens(at_home: Callable[..., Tab], open_tab: OpenTab) -> None:
    tab = at_home(scheme="dark", **PHONE)
    tab.page.goto("/inbox")
    _bell(tab.page, str(NOTICES - 1))
    expect(tab.page.get_by_role("status").filter(has_text="Live")).to_have_count(1)
    elsewhere = open_tab(user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0").page
    elsewhere.goto("/sign-in")
    elsewhere.get_by_label("E-mail").fill(EMAIL)
    elsewhere.get_by_label("Password").fill(PASSWORD)
    elsewhere.get_by_role("button", name="Sign in", exact=True).click()
    expect(elsewhere.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    _bell(tab.page, str(NOTICES))
    expect(tab.page.get_by_text("New sign-in to your account")).to_be_visible()
    tab.screenshot("inbox-phone-dark")
    # what is new has moved what was there, as it should
    assert (tab.accessibility_faults(), tab.overflow_px()) == ([], 0)


def test_what_one_is_told_is_chosen_by_kind_and_channel(at_home: Callable[..., Tab]) -> None:
    tab = at_home(**PHONE)
    page = tab.page
    with nothing_wrong(tab):
        page.goto("/settings?tab=notifications")
        finished = page.get_by_role("group", name="Training finished")
        expect(finished.get_by_label("Mail")).to_be_checked()
        expect(page.get_by_role("group", name="Sign-in from a new device").get_by_label("Mail")).to_be_disabled()
        tab.looks_right("notifications-phone-light")
        for channel in ("Mail", "Push"):
            # not `uncheck`, which looks before the page has drawn what it keeps
            finished.get_by_label(channel).click()
            expect(finished.get_by_label(channel)).not_to_be_checked()
        page.get_by_label("How often letters come").select_option("daily")
        page.get_by_label("Where your days begin").select_option("Europe/Berlin")
        expect(page.get_by_text("The next one comes")).to_be_visible()
        page.wait_for_load_state("networkidle")
        page.reload()
        expect(finished.get_by_label("Mail")).not_to_be_checked()
        expect(finished.get_by_label("Push")).not_to_be_checked()
        expect(finished.get_by_label("Inbox")).to_be_checked()
        expect(page.get_by_label("Where your days begin")).to_have_value("Europe/Berlin")


# the maker's push service is somebody else's; its subscription is as browsers give it
SUBSCRIBED = """
const keys = {
  p256dh: "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM",
  auth: "tBHItJI5svbpez7KI4CCXg",
};
let given = null;
const subscription = {
  toJSON: () => ({ endpoint: "https://push.example.org/send/abc", expirationTime: null, keys }),
  unsubscribe: async () => { given = null; return true; },
};
PushManager.prototype.subscribe = async function (options) {
  window.__subscribedWith = options;
  given = subscription;
  return given;
};
PushManager.prototype.getSubscription = async () => given;
"""


def test_a_browser_is_pushed_to_until_one_says_otherwise(at_home: Callable[..., Tab]) -> None:
    tab = at_home(worker=True, permissions=["notifications"])
    page = tab.page
    page.add_init_script(SUBSCRIBED)
    page.goto("/settings?tab=notifications")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.get_by_role("button", name="Turn on in this browser").wait_for()
    tab.looks_right("notifications-desktop-light")
    page.get_by_role("button", name="Turn on in this browser").click()
    expect(page.get_by_role("list", name="Browsers")).to_contain_text("push.example.org")
    assert page.evaluate("window.__subscribedWith.userVisibleOnly")
    assert len(page.evaluate("window.__subscribedWith.applicationServerKey")) > 80
    page.get_by_role("button", name="Turn off in this browser").click()
    expect(page.get_by_text("No browser is pushed to.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("No browser is pushed to.")).to_be_visible()


@pytest.mark.parametrize("kind", ["run_failed", EVERY_KIND])
def test_letters_end_with_one_click_and_come_again(open_tab: OpenTab, web_hub: WebHub, kind: str) -> None:
    token = token_for(web_hub.settings, _user_id(web_hub), kind)
    tab = open_tab(**PHONE)
    page = tab.page
    with nothing_wrong(tab):
        page.goto(f"/unsubscribe?token={token}")
        page.get_by_role("button", name="No more of these letters").click()
        expect(page.get_by_role("status")).to_contain_text("No more letters")
        tab.looks_right(f"unsubscribe-{kind.replace('*', 'all')}-phone-light")
        page.get_by_role("button", name="Send them again after all").click()
        expect(page.get_by_role("status")).to_contain_text("come again")


def test_ones_data_can_be_taken_along(at_home: Callable[..., Tab]) -> None:
    tab = at_home()
    page = tab.page
    page.goto("/settings?tab=data")
    page.get_by_role("button", name="Make an archive").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download the archive")).click()
    assert download.value.suggested_filename.startswith("my-data-")
    tab.looks_right("own-data-desktop-light")


def test_whoever_leaves_types_it_and_may_stay_after_all(at_home: Callable[..., Tab], open_tab: OpenTab) -> None:
    owner = at_home().page
    owner.goto("/")
    owner.get_by_role("button", name="Make a link").click()
    link = owner.get_by_label("Invitation link", exact=True).text_content()
    assert link
    tab = open_tab(scheme="dark", **PHONE)
    page = tab.page
    page.goto(link)
    page.get_by_label("Your name").fill("Grace")
    page.get_by_label("E-mail").fill("grace@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    tab.screenshot("home-viewer-phone-dark")

    page.goto("/settings?tab=data")
    page.get_by_role("button", name="Delete my account").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete my account")).to_be_disabled()
    dialog.get_by_label(re.compile("Type .* to confirm")).fill("grace@example.org")
    tab.screenshot("own-data-dialog-phone-dark")
    assert tab.accessibility_faults() == []
    dialog.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_text("Your account will be deleted")).to_be_visible()
    tab.looks_right("own-data-leaving-phone-dark")
    page.get_by_role("button", name="Keep my account").click()
    expect(page.get_by_role("button", name="Delete my account")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Delete my account")).to_be_visible()


def test_the_finder_knows_people_pages_and_settings(at_home: Callable[..., Tab]) -> None:
    tab = at_home()
    page = tab.page
    page.goto("/")
    page.get_by_role("heading", name="Overview", level=1).wait_for()
    page.keyboard.press("Control+k")
    # typed faster than the finder comes
    page.keyboard.type("grace@", delay=60)
    expect(page.get_by_role("option", name=re.compile("Grace.*Person"))).to_be_visible()
    tab.screenshot("finder-desktop-light")
    page.get_by_role("combobox").fill("notif")
    expect(page.get_by_role("option", name=re.compile("Notifications.*Setting"))).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings?tab=notifications")


def test_a_newer_version_of_the_app_waits_until_the_reader_agrees(at_home: Callable[..., Tab]) -> None:
    tab = at_home(worker=True)
    page = tab.page
    page.goto("/")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.evaluate("caches.open('shell-old').then(() => true)")
    # another script for the same pages is a newer version, to the browser
    page.evaluate("navigator.serviceWorker.register('/sw.js?newer', { scope: '/' }).then(() => true)")
    expect(page.get_by_text("A newer version of Lyceum is ready.")).to_be_visible()
    running = "navigator.serviceWorker.controller.scriptURL.endsWith('?newer')"
    assert not page.evaluate(running)
    with page.expect_navigation():
        page.get_by_role("button", name="Load it").click()
    page.get_by_role("heading", name="Overview", level=1).wait_for()
    page.wait_for_function(running)
    page.wait_for_function("caches.has('shell-old').then((kept) => !kept)")
