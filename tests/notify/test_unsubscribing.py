"""The end of letters by a letter's link, and taking that back."""

import pytest
from fastapi import FastAPI

from fixtures.app import client_of
from fixtures.people import as_person
from lyceum.kernel.config import Settings
from lyceum.notify.unsubscribing import EVERY_KIND, token_for
from make.accounts import Member

PREFERENCES = "/api/v1/notification-preferences"


async def _mail_of(app: FastAPI, member: Member, kind: str) -> bool:
    async with as_person(app, member) as mine:
        wishes = (await mine.get(PREFERENCES)).json()["kinds"]
    channels = next(wish["channels"] for wish in wishes if wish["kind"] == kind)
    return bool(next(channel["wanted"] for channel in channels if channel["channel"] == "mail"))


async def test_letters_of_one_kind_end_and_come_again_by_the_same_link(
    app: FastAPI, hub_settings: Settings, member: Member
) -> None:
    token = token_for(hub_settings, member.user_id, "run_failed")
    async with client_of(app) as anybody:
        ended = await anybody.post("/api/v1/unsubscribe", json={"token": token})
        assert ended.json() == {"kind": "run_failed", "mail_pace": None}
        assert not await _mail_of(app, member, "run_failed")
        assert await _mail_of(app, member, "run_finished")
        again = await anybody.post("/api/v1/unsubscribe/undo", json={"token": token})
        assert again.status_code == 204
    assert await _mail_of(app, member, "run_failed")


async def test_all_letters_end_and_come_again_as_often_as_before(
    app: FastAPI, hub_settings: Settings, member: Member
) -> None:
    token = token_for(hub_settings, member.user_id, EVERY_KIND)
    async with as_person(app, member) as mine, client_of(app) as anybody:
        wish = {"kinds": {}, "mail_pace": "daily", "zone": "Europe/Berlin"}
        before = (await mine.put(PREFERENCES, json=wish)).json()
        ended = (await anybody.post("/api/v1/unsubscribe", json={"token": token})).json()
        assert ended == {"kind": "*", "mail_pace": "daily"}
        silent = (await mine.get(PREFERENCES)).json()
        assert (silent["mail_pace"], silent["next_digest_at"]) == ("never", None)
        wanted = {"token": token, "mail_pace": ended["mail_pace"]}
        assert (await anybody.post("/api/v1/unsubscribe/undo", json=wanted)).status_code == 204
        after = (await mine.get(PREFERENCES)).json()
    assert (after["mail_pace"], after["zone"], after["next_digest_at"]) == (
        before["mail_pace"],
        before["zone"],
        before["next_digest_at"],
    )


async def test_what_was_not_ended_is_not_changed_by_taking_it_back(
    app: FastAPI, hub_settings: Settings, member: Member
) -> None:
    async with as_person(app, member) as mine, client_of(app) as anybody:
        await mine.put(PREFERENCES, json={"kinds": {}, "mail_pace": "weekly", "zone": "UTC"})
        wanted = {"token": token_for(hub_settings, member.user_id, EVERY_KIND), "mail_pace": "at_once"}
        assert (await anybody.post("/api/v1/unsubscribe/undo", json=wanted)).status_code == 204
        assert (await mine.get(PREFERENCES)).json()["mail_pace"] == "weekly"


@pytest.mark.parametrize("token", ["x", "AAAA" * 12])
async def test_a_forged_link_takes_nothing_back(app: FastAPI, token: str) -> None:
    async with client_of(app) as anybody:
        refused = await anybody.post("/api/v1/unsubscribe/undo", json={"token": token})
    assert refused.json()["code"] == "unsubscribe_link_invalid"
