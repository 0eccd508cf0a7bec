"""Letters go out by jobs: at once, in digests, again when the server was away, and never twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fixtures.app import client_of, eventually, rows_of, running_app, running_worker, settings_for
from fixtures.mail_server import MailServer, text_of
from fixtures.module_database import database, module_database
from fixtures.people import as_administrator, as_person, confirm_email
from fixtures.servers import TestDatabase
from lyceum import wiring
from lyceum.accounts.events import LetterWanted, PersonLeft, SecurityChanged, SignedInFromNewDevice
from lyceum.accounts.people.public import make_link, token_of
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.events import Event, Subscriptions, publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.tx import transaction
from lyceum.notify.jobs import HANDLERS
from lyceum.notify.public import ERASER
from lyceum.notify.unsubscribing import EVERY_KIND, token_for
from lyceum.notify.work import LookForDigests, MailNotice
from make.accounts import Member, make_member
from make.notices import run_failed, run_finished, tell

__all__ = ["database", "module_database"]

DELIVERY = Subscriptions.of(wiring.SUBSCRIPTIONS).handler()


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path, mail_server: MailServer) -> Settings:
    """A hub that has mail."""
    url = "https://hub.example.org"
    return settings_for(database, tmp_path, valkey_url=valkey_url, mail_url=mail_server.url(), public_url=url)


@pytest.fixture
async def resources(hub_settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(hub_settings, subscribers=wiring.subscribers()) as opened:
        yield opened


@pytest.fixture
def member(database: TestDatabase, member: Member) -> Member:
    """A member whom letters reach."""
    confirm_email(database, member)
    return member


async def tell_of(resources: Resources, event: Event) -> None:
    async with transaction(resources.database, NOBODY) as tx:
        await publish(tx, event)


async def settled(database: TestDatabase) -> None:
    """Wait until no job is left to run."""
    open_jobs = "SELECT 1 FROM jobs WHERE state NOT IN ('done', 'dead', 'cancelled') AND kind <> 'jobs.gave_up'"
    await eventually(lambda: not rows_of(database, open_jobs))


async def test_a_notice_is_mailed_to_whoever_was_told(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished())
        await eventually(lambda: mail_server.delivered)
    letter = mail_server.delivered[0]
    assert mail_server.recipients == [f"{member.user_id.hex}@example.org"]
    assert letter["Subject"] == "Training on main/flights is finished"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "https://hub.example.org/runs/1" in text_of(letter)
    assert rows_of(database, "SELECT 1 FROM notices WHERE mailed_at IS NOT NULL")
    # of the hub: an organisation has no list of letters among its jobs
    assert rows_of(database, "SELECT org_id FROM jobs WHERE kind = 'notify.mail_notice'") == [{"org_id": None}]


async def test_a_job_that_runs_twice_sends_once(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished())
        await settled(database)
        notice = rows_of(database, "SELECT id FROM notices")[0]["id"]
        async with transaction(resources.database, NOBODY) as tx:
            await enqueue(tx, MailNotice(notice_id=notice))
        await settled(database)
    assert len(mail_server.delivered) == 1


async def test_who_wants_mail_alone_is_told_again_of_what_happens_again(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    rows_of(database, "INSERT INTO notice_preferences VALUES (%s, 'run_failed', 'inbox', false)", member.user_id)
    for letters in (1, 2):
        await tell(resources, member, run_failed(), collapse_key="k")
        await tell(resources, member, run_failed(), collapse_key="k")
        async with running_worker(resources, *HANDLERS):
            await settled(database)
        assert len(mail_server.delivered) == letters


async def test_a_letter_that_was_put_off_comes_later_and_one_that_was_refused_does_not(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    mail_server.answers += ["451 4.7.1 greylisted", "550 5.1.1 no such person"]
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished())
        await eventually(lambda: rows_of(database, "SELECT 1 FROM jobs WHERE state = 'scheduled'"))
        await tell(resources, member, run_failed())
        dead = await eventually(lambda: rows_of(database, "SELECT error FROM jobs WHERE state = 'dead'"))
        assert dead[0]["error"]["code"] == "mail_refused"
        rows_of(database, "UPDATE jobs SET run_at = now() WHERE state = 'scheduled'")
        await settled(database)
    assert [letter["Subject"] for letter in mail_server.delivered] == ["Training on main/flights is finished"]


async def test_nobody_is_written_to_at_an_address_they_have_not_shown_to_be_theirs(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    rows_of(database, "UPDATE users SET email_verified_at = NULL WHERE id = %s", member.user_id)
    await tell(resources, member, run_finished())
    async with running_worker(resources, *HANDLERS):
        await settled(database)
    assert mail_server.delivered == []
    assert rows_of(database, "SELECT mailed_at FROM notices WHERE in_inbox") == [{"mailed_at": None}]


async def test_who_is_suspended_meanwhile_gets_nothing(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    await tell(resources, member, run_finished())
    rows_of(database, "UPDATE users SET suspended_at = now()")
    async with running_worker(resources, *HANDLERS):
        await settled(database)
    assert mail_server.delivered == []


async def test_a_hub_without_mail_sends_none_and_nothing_fails(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    without = replace(resources, settings=resources.settings.model_copy(update={"mail_url": None}))
    await tell(without, member, run_finished())
    async with running_worker(without, *HANDLERS):
        await settled(database)
    assert rows_of(database, "SELECT 1 FROM jobs WHERE state <> 'done'") == []


async def test_the_letter_of_a_link_goes_out_and_its_secret_lies_nowhere(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    # also of an address that is not confirmed: that is what such letters are for
    rows_of(database, "UPDATE users SET locale = 'de', email_verified_at = NULL WHERE id = %s", member.user_id)
    async with transaction(resources.database, NOBODY) as tx:
        link_id = await make_link(tx, "reset_password", email="ada@example.org", user_id=member.user_id)
    token = token_of(resources.signer, "reset_password", link_id)
    async with running_worker(resources, *HANDLERS, DELIVERY):
        await tell_of(resources, LetterWanted(link_id=link_id))
        await tell_of(resources, LetterWanted(link_id=new_id()))
        await eventually(lambda: mail_server.delivered)
        await settled(database)
    assert mail_server.recipients == ["ada@example.org"]
    arrived = mail_server.delivered[0]
    assert arrived["Subject"] == "Wähle ein neues Passwort"
    assert f"https://hub.example.org/reset?token={token}" in text_of(arrived)
    assert str(link_id) not in arrived["Message-ID"]
    assert arrived["List-Unsubscribe"] is None
    assert token not in str(rows_of(database, "SELECT args, result, error FROM jobs"))


async def test_a_new_device_and_a_changed_password_are_told_by_mail_whatever_somebody_wants(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    session_id = new_id()
    began = """
        INSERT INTO sessions (id, user_id, signed_in_with, device, address, created_at, expires_at)
        VALUES (%s, %s, 'password', 'Firefox on Linux', '192.0.2.7', '2026-03-29 07:00Z', now() + interval '1 day')
    """
    rows_of(database, began, session_id, member.user_id)
    rows_of(database, "INSERT INTO notice_settings VALUES (%s, 'never', 'UTC', NULL)", member.user_id)
    async with running_worker(resources, *HANDLERS, DELIVERY):
        await tell_of(resources, SignedInFromNewDevice(session_id=session_id, user_id=member.user_id))
        await tell_of(resources, SecurityChanged(user_id=member.user_id, what="refresh_token_reused"))
        await eventually(lambda: len(mail_server.delivered) == 2)
        await settled(database)
    subjects = sorted(letter["Subject"] for letter in mail_server.delivered)
    assert subjects == ["New sign-in to your account", "The security of your account has changed"]
    said = "".join(text_of(letter) for letter in mail_server.delivered)
    for fact in ("Firefox on Linux", "192.0.2.7", "2026-03-29 07:00 UTC", "refresh token reused"):
        assert fact in said


async def test_a_digest_gathers_what_came_and_comes_when_it_is_due(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    due = datetime.now(UTC) - timedelta(minutes=1)
    rows_of(database, "INSERT INTO notice_settings VALUES (%s, 'daily', 'Europe/Berlin', %s)", member.user_id, due)
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished())
        await tell(resources, member, run_failed())
        for _ in range(2):
            async with transaction(resources.database, NOBODY) as tx:
                await enqueue(tx, LookForDigests())
            await settled(database)
    assert [letter["Subject"] for letter in mail_server.delivered] == ["Your day on Lyceum: 2 notices"]
    body = text_of(mail_server.delivered[0])
    assert "Training on main/flights is finished" in body
    assert "Training on main/flights has failed" in body
    following = rows_of(database, "SELECT next_digest_at AT TIME ZONE zone AS at FROM notice_settings")[0]["at"]
    assert (following.hour, following.minute) == (7, 0)


async def test_a_digest_leaves_out_what_was_read_and_is_not_sent_for_nothing(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    due = datetime.now(UTC) - timedelta(minutes=1)
    rows_of(database, "INSERT INTO notice_settings VALUES (%s, 'weekly', 'UTC', %s)", member.user_id, due)
    await tell(resources, member, run_finished())
    rows_of(database, "UPDATE notices SET read_at = now()")
    async with running_worker(resources, *HANDLERS):
        async with transaction(resources.database, NOBODY) as tx:
            await enqueue(tx, LookForDigests())
        await settled(database)
    assert mail_server.delivered == []


async def test_what_somebody_was_told_goes_with_them(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    other = make_member(database)
    async with transaction(resources.database, member.scope) as tx:
        await publish(tx, PersonLeft(org_id=other.org_id, user_id=member.user_id))
    await tell(resources, member, run_finished())
    async with running_worker(resources, *HANDLERS, DELIVERY):
        await settled(database)
        assert len(rows_of(database, "SELECT 1 FROM notices")) == 1
        await tell_of(resources, PersonLeft(org_id=member.org_id, user_id=member.user_id))
        await settled(database)
        assert rows_of(database, "SELECT 1 FROM notices") == []
        await tell(resources, member, run_finished())
        rows_of(database, "INSERT INTO notice_settings VALUES (%s, 'never', 'UTC', NULL)", member.user_id)
    assert ERASER.of_person is not None
    await ERASER.of_person(resources, member.user_id)
    for table in ("notices", "notice_settings", "notice_preferences", "push_subscriptions"):
        assert rows_of(database, f"SELECT 1 FROM {table}") == []


async def test_an_administrator_tries_mail_and_is_told_what_is_wrong(
    hub_settings: Settings, database: TestDatabase, mail_server: MailServer
) -> None:
    async with running_app(hub_settings) as app:
        administrator = make_member(database)
        confirm_email(database, administrator)
        async with as_administrator(app, administrator) as client:
            done = await client.post("/api/v1/admin/mail/test", json={})
            assert done.status_code == 200, done.text
            assert done.json()["to"] == f"{administrator.user_id.hex}@example.org"
            assert mail_server.delivered[0]["Subject"] == "Mail from this hub works"
            mail_server.answers.append("550 5.7.1 not from you")
            refused = await client.post("/api/v1/admin/mail/test", json={"to": "eve@example.org"})
            assert (refused.status_code, refused.json()["code"]) == (422, "mail_refused")
    without = hub_settings.model_copy(update={"mail_url": None})
    async with running_app(without) as app, as_administrator(app, administrator) as client:
        assert (await client.post("/api/v1/admin/mail/test", json={})).json()["code"] == "mail_not_set_up"


async def test_letters_are_shown_to_administrators_alone_and_run_nothing(
    hub_settings: Settings, database: TestDatabase, member: Member
) -> None:
    async with running_app(hub_settings) as app:
        administrator = make_member(database)
        async with as_administrator(app, administrator) as client, as_person(app, member) as other:
            items = (await client.get("/api/v1/admin/mail/templates")).json()["templates"]
            assert {item["language"] for item in items} == {"en", "de"}
            assert {"verify_email", "reset_password", "invitation", "run_failed", "incident"} <= {
                item["name"] for item in items
            }
            shown = await client.get(items[0]["html_path"])
            assert shown.headers["content-type"].startswith("text/html")
            assert shown.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
            for name in ("nothing/en", "run_failed/xx"):
                missing = await client.get(f"/api/v1/admin/mail/templates/{name}")
                assert missing.status_code == 404
            for path in ("", "/run_failed/en"):
                assert (await other.get(f"/api/v1/admin/mail/templates{path}")).status_code == 403


async def test_one_click_ends_letters_of_a_kind_without_signing_in(
    hub_settings: Settings, resources: Resources, database: TestDatabase, member: Member
) -> None:
    token = token_for(hub_settings, member.user_id, "run_finished")
    async with running_app(hub_settings) as app, client_of(app) as mail_program:
        mail_program.headers["host"] = "hub.example.org"
        path = f"/api/v1/unsubscribe/one-click?token={token}"
        done = await mail_program.post(path, data={"List-Unsubscribe": "One-Click"})
        assert (done.status_code, done.json()) == (200, {"kind": "run_finished", "mail_pace": None})
        again = await mail_program.post(path, files={"List-Unsubscribe": (None, "One-Click")})
        assert again.status_code == 200
        assert (await mail_program.post(path)).status_code == 422
        assert (await mail_program.get(path)).status_code == 405
    await tell(resources, member, run_finished())
    await tell(resources, member, run_failed())
    kinds = rows_of(database, "SELECT kind, mail, in_inbox FROM notices ORDER BY id")
    assert [(row["kind"], row["mail"]) for row in kinds] == [("run_finished", "none"), ("run_failed", "at_once")]
    assert all(row["in_inbox"] for row in kinds)


async def test_a_digests_link_ends_all_letters_but_those_about_safety(
    hub_settings: Settings, resources: Resources, database: TestDatabase, member: Member
) -> None:
    token = token_for(hub_settings, member.user_id, EVERY_KIND)
    async with running_app(hub_settings) as app, client_of(app) as anybody:
        anybody.headers["host"] = "hub.example.org"
        done = await anybody.post("/api/v1/unsubscribe", json={"token": token})
        assert done.json() == {"kind": "*", "mail_pace": "at_once"}
    await tell(resources, member, run_finished())
    assert rows_of(database, "SELECT mail FROM notices") == [{"mail": "none"}]


async def test_a_link_that_this_hub_did_not_make_ends_nothing(hub_settings: Settings, member: Member) -> None:
    token = token_for(hub_settings, member.user_id, "run_finished")
    other_hub = hub_settings.model_copy(update={"secret_key": replace_secret(hub_settings)})
    foreign = token_for(other_hub, member.user_id, "run_finished")
    changed = f"{'B' if token[0] == 'A' else 'A'}{token[1:]}"
    async with running_app(hub_settings) as app, client_of(app) as anybody:
        anybody.headers["host"] = "hub.example.org"
        for wrong in (token[:-1], changed, foreign, "x", "é", "=" * 50, token_for(hub_settings, new_id(), "x")):
            refused = await anybody.post("/api/v1/unsubscribe", json={"token": wrong})
            assert (refused.status_code, refused.json()["code"]) == (422, "unsubscribe_link_invalid"), wrong


def replace_secret(settings: Settings) -> object:
    secret = settings.secret_key
    assert secret is not None
    return type(secret)(secret.get_secret_value() + "x")


async def test_preferences_are_kept_and_followed(
    hub_settings: Settings, resources: Resources, database: TestDatabase, member: Member
) -> None:
    async with running_app(hub_settings) as app, as_person(app, member) as mine:
        mine.headers["host"] = "hub.example.org"
        before = (await mine.get("/api/v1/notification-preferences")).json()
        assert (before["mail_pace"], before["zone"], before["next_digest_at"]) == ("at_once", "UTC", None)
        wanted = {
            "kinds": {"run_finished": {"mail": False, "inbox": True}, "run_failed": {"inbox": False}},
            "mail_pace": "weekly",
            "zone": "Europe/Berlin",
        }
        after = (await mine.put("/api/v1/notification-preferences", json=wanted)).json()
        finished = next(kind for kind in after["kinds"] if kind["kind"] == "run_finished")
        assert {channel["channel"]: channel["wanted"] for channel in finished["channels"]} == {
            "inbox": True,
            "mail": False,
            "push": True,
        }
        assert after["next_digest_at"] is not None
        for wrong, code in (
            ({"kinds": {"nothing": {"mail": True}}}, "kind_unknown"),
            ({"kinds": {"new_sign_in": {"mail": False}}}, "always_sent"),
            ({"zone": "Mars/Olympus"}, "schedule_invalid"),
        ):
            refused = await mine.put("/api/v1/notification-preferences", json=wrong)
            assert refused.json()["code"] == code
    await tell(resources, member, run_finished())
    await tell(resources, member, run_failed())
    rows = rows_of(database, "SELECT kind, mail, in_inbox FROM notices ORDER BY id")
    assert [(row["kind"], row["mail"], row["in_inbox"]) for row in rows] == [
        ("run_finished", "none", True),
        ("run_failed", "digest", False),
    ]
