"""A person's e-mail address becomes another one, by a letter to it, and nobody learns who has which."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import rows_of, running_app, settings_for
from fixtures.factors import leave_open
from fixtures.servers import TestDatabase
from fixtures.sign_in import PASSWORD, browser_of, sign_in, signed_in_client, token_in_letter
from lyceum.kernel.ids import new_id
from make.accounts import Member, email_of

EMAIL = "/api/v1/me/email"
CONFIRM = "/api/v1/email-confirmations"


@asynccontextmanager
async def hub_with_mail(database: TestDatabase, home: Path) -> AsyncIterator[FastAPI]:
    """Yield a hub that would send letters, without Valkey."""
    async with running_app(settings_for(database, home, mail_url="smtp://127.0.0.1:1")) as app:
        yield app


def new_address() -> str:
    return f"new-{new_id().hex}@example.org"


async def ask(client: httpx.AsyncClient, email: str, password: str | None = PASSWORD) -> httpx.Response:
    return await client.post(EMAIL, json={"email": email, "password": password})


async def test_a_new_address_counts_once_the_link_sent_to_it_is_opened(
    database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    old, new = email_of(database, member.user_id), new_address()
    async with hub_with_mail(database, tmp_path) as app, browser_of(app) as nobody:
        async with signed_in_client(app, member) as client:
            asked = await ask(client, new)
            assert (asked.status_code, asked.content) == (202, b"null")
            assert (await client.get("/api/v1/me")).json()["email"] == old
            await nobody.post("/api/v1/password-resets", json={"email": old})
            reset = await token_in_letter(app, database, "reset_password", old)
            token = await token_in_letter(app, database, "change_email", new)
            assert (
                await told(app, database, "email_change_asked", old)
                == f"{app.state.resources.settings.base_url}/settings?tab=security"
            )
            confirmed = await nobody.post(CONFIRM, json={"token": token})
            assert confirmed.json() == {"state": "ready", "email": new}
            me = (await client.get("/api/v1/me")).json()
            assert (me["email"], me["email_verified"]) == (new, True)
        again = await nobody.post(CONFIRM, json={"token": token})
        assert (again.status_code, again.json()["code"]) == (410, "link_used")
        stale = {"token": reset, "password": "staple of four words"}
        assert (await nobody.post("/api/v1/password-resets/confirm", json=stale)).json()["code"] == "link_used"
        assert (await sign_in(nobody, old)).status_code == 401
        assert (await sign_in(nobody, new)).status_code == 201


async def told(app: FastAPI, database: TestDatabase, kind: str, email: str) -> str:
    """Return where the newest letter of a kind to an address leads."""
    from lyceum.accounts.public import letter_of
    from lyceum.kernel.db import NOBODY
    from lyceum.kernel.tx import transaction

    newest = "SELECT id FROM one_time_links WHERE kind = %s AND email = %s ORDER BY id DESC LIMIT 1"
    link_id = rows_of(database, newest, kind, email)[0]["id"]
    async with transaction(app.state.resources.database, NOBODY) as tx:
        letter = await letter_of(tx, link_id, resources=app.state.resources)
    assert letter is not None
    return letter.url


async def test_an_address_that_is_taken_is_answered_as_any_other_and_gets_no_letter(
    database: TestDatabase, tmp_path: Path, member: Member, stranger: Member
) -> None:
    taken, free = email_of(database, stranger.user_id), new_address()
    async with hub_with_mail(database, tmp_path) as app, signed_in_client(app, member) as client:
        refused, asked = await ask(client, taken.upper()), await ask(client, free)
        assert (refused.status_code, refused.content) == (asked.status_code, asked.content) == (202, b"null")
        assert await token_in_letter(app, database, "change_email", taken.upper()) is None
        token = await token_in_letter(app, database, "change_email", free)
        rows_of(database, "UPDATE users SET email = %s WHERE id = %s", free, stranger.user_id)
        late = await client.post(CONFIRM, json={"token": token})
        assert (late.status_code, late.json()["code"]) == (410, "link_used")
    assert email_of(database, stranger.user_id) == free


async def test_of_several_links_asked_for_the_last_works_alone(
    database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    first, second = new_address(), new_address()
    async with hub_with_mail(database, tmp_path) as app, signed_in_client(app, member) as client:
        await ask(client, first)
        early = await token_in_letter(app, database, "change_email", first)
        await ask(client, second)
        assert (await client.post(CONFIRM, json={"token": early})).json()["code"] == "link_used"
        for _ in range(3):
            assert (await ask(client, new_address())).status_code == 202
        too_many = await ask(client, new_address())
        assert too_many.status_code == 429


async def test_whoever_changes_an_address_has_shown_that_it_is_them(
    database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    async with hub_with_mail(database, tmp_path) as app, signed_in_client(app, member) as client:
        for password in ("wrong horse", None):
            refused = await ask(client, new_address(), password)
            assert (refused.status_code, refused.json()["code"]) == (422, "password_wrong")
        own = await ask(client, email_of(database, member.user_id).upper())
        assert (own.status_code, own.json()["code"]) == (409, "email_not_changeable")
        rows_of(database, "UPDATE users SET password_hash = NULL WHERE id = %s", member.user_id)
        assert (await ask(client, new_address(), None)).status_code == 202
    async with hub_with_mail(database, tmp_path) as app, signed_in_client(app, member) as client:
        leave_open(database, member.user_id)
        assert (await ask(client, new_address())).json()["code"] == "step_up_needed"


async def test_without_mail_no_address_can_be_changed_and_the_answer_says_why(app: FastAPI, member: Member) -> None:
    async with signed_in_client(app, member) as client:
        refused = await ask(client, new_address())
    assert (refused.status_code, refused.json()["code"]) == (409, "email_not_changeable")
    assert "no mail" in refused.json()["detail"]


@pytest.mark.parametrize("email", ["", "no address", "x" * 250 + "@example.org"])
async def test_what_is_no_address_is_refused(app: FastAPI, member: Member, email: str) -> None:
    async with signed_in_client(app, member) as client:
        assert (await ask(client, email)).status_code == 422
