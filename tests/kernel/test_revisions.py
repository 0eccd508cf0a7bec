"""Of two people who change the same row one is told that the other was there before."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Response
from pydantic import BaseModel
from sqlalchemy import text

from fixtures.app import client_of, rows_of
from fixtures.servers import TestDatabase
from lyceum.accounts.edge import Tx, api_router
from lyceum.kernel.http.revisions import IfMatch, etag_of, require_revision
from make.accounts import Member


class Note(BaseModel):
    words: str
    revision: int


@pytest.fixture
async def editor(
    fresh_app: FastAPI, fresh_member: Member, fresh_database: TestDatabase
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app with a note that can be read and changed."""
    rows_of(fresh_database, "CREATE TABLE notes (words text NOT NULL, revision integer NOT NULL DEFAULT 1)")
    rows_of(fresh_database, "INSERT INTO notes (words) VALUES ('first')")
    rows_of(fresh_database, f"GRANT SELECT, UPDATE ON notes TO {fresh_database.app_role}")
    router = api_router("")

    @router.get("/test/note")
    async def read_note(tx: Tx, response: Response) -> Note:
        row = (await tx.execute(text("SELECT words, revision FROM notes"))).one()
        response.headers["etag"] = etag_of(row.revision)
        return Note(words=row.words, revision=row.revision)

    @router.put("/test/note")
    async def reword(tx: Tx, words: str, response: Response, if_match: IfMatch = None) -> Note:
        row = (await tx.execute(text("SELECT words, revision FROM notes FOR UPDATE"))).one()
        require_revision(if_match, row.revision, newest=Note(words=row.words, revision=row.revision))
        changed = text("UPDATE notes SET words = :words, revision = revision + 1 RETURNING words, revision")
        row = (await tx.execute(changed, {"words": words})).one()
        response.headers["etag"] = etag_of(row.revision)
        return Note(words=row.words, revision=row.revision)

    fresh_app.router.routes[:0] = router.routes
    async with client_of(fresh_app, key=fresh_member.key) as opened:
        yield opened


async def reword(editor: httpx.AsyncClient, words: str, if_match: str | None) -> httpx.Response:
    headers = {} if if_match is None else {"if-match": if_match}
    return await editor.put("/test/note", params={"words": words}, headers=headers)


async def test_a_change_from_what_was_read_goes_through_and_has_the_next_tag(editor: httpx.AsyncClient) -> None:
    read = await editor.get("/test/note")
    assert read.headers["etag"] == '"1"'
    changed = await reword(editor, "second", read.headers["etag"])
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (await reword(editor, "third", '"1", "2"')).json() == {"words": "third", "revision": 3}
    assert (await reword(editor, "fourth", "*")).json() == {"words": "fourth", "revision": 4}


async def test_a_change_from_an_older_version_is_refused_with_the_newest(editor: httpx.AsyncClient) -> None:
    await reword(editor, "second", '"1"')
    for tag in ('"1"', 'W/"2"', '"0", "1"'):
        refused = await reword(editor, "lost", tag)
        assert refused.status_code == 412
        assert refused.headers["etag"] == '"2"'
        assert refused.json()["code"] == "revision_stale"
        assert refused.json()["newest"] == {"words": "second", "revision": 2}
    assert (await editor.get("/test/note")).json()["words"] == "second"


async def test_a_change_that_does_not_say_what_it_was_made_from_is_refused(editor: httpx.AsyncClient) -> None:
    refused = await reword(editor, "blind", None)
    assert (refused.status_code, refused.json()["code"]) == (428, "revision_needed")
    unreadable = await reword(editor, "blind", "1")
    assert (unreadable.status_code, unreadable.json()["code"]) == (422, "revision_unreadable")


async def test_of_two_changes_at_once_one_is_told_of_the_other(editor: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(reword(editor, f"of {number}", '"1"') for number in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5
    (winner,) = [answer for answer in answers if answer.status_code == 200]
    told = [answer.json()["newest"] for answer in answers if answer.status_code == 412]
    assert told == [winner.json()] * 5
