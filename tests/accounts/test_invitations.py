"""Invitations: links that are copied or sent, and make whoever follows them a member."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of, running_app, settings_for
from fixtures.servers import TestDatabase
from fixtures.sign_in import PASSWORD, browser_of, signed_in_client, token_in_letter
from lyceum.accounts.people.links import token_of
from lyceum.kernel.ids import new_id
from make.accounts import Member, make_member


async def invite(client: httpx.AsyncClient, member: Member, **more: Any) -> dict[str, Any]:
    """Make an invitation and return it with its token."""
    path = f"/api/v1/organisations/{member.org_name}/invitations"
    answer = await client.post(path, json={"role": "viewer", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made | {"token": parse_qs(urlsplit(made["url"]).query)["token"][0]}


def wanted(**more: Any) -> dict[str, Any]:
    return {"email": f"{new_id().hex}@example.org", "password": PASSWORD, "display_name": "Ada", **more}


async def test_somebody_registers_by_an_invitation_and_is_in(app: FastAPI, member: Member) -> None:
    async with signed_in_client(app, member) as owner, browser_of(app) as guest:
        made = await invite(owner, member, role="maintainer")
        seen = (await guest.get(f"/api/v1/invitations/{made['token']}")).json()
        assert (seen["organisation"], seen["role"], seen["inviter"]) == (member.org_name, "maintainer", "A member")
        assert (await guest.post("/api/v1/registrations", json=wanted(invitation=made["token"]))).status_code == 201
        me = (await guest.get("/api/v1/me")).json()
        assert [(one["name"], one["role"]) for one in me["organisations"]] == [(member.org_name, "maintainer")]
        used = await guest.get(f"/api/v1/invitations/{made['token']}")
        assert (used.status_code, used.json()["code"]) == (410, "invitation_used")
        listed = (await owner.get(f"/api/v1/organisations/{member.org_name}/invitations")).json()["items"]
        assert [(one["uses"], one["uses_max"], "url" in one) for one in listed] == [(1, 1, False)]


async def test_somebody_with_an_account_accepts_and_acts_there(app: FastAPI, member: Member, stranger: Member) -> None:
    async with signed_in_client(app, member) as owner, signed_in_client(app, stranger) as guest:
        made = await invite(owner, member, uses_max=2)
        accepted = [(await guest.post(f"/api/v1/invitations/{made['token']}/accept")) for _ in range(2)]
        assert [answer.json() for answer in accepted] == [{"organisation": member.org_name}] * 2
        guest.headers["lyceum-organisation"] = member.org_name
        assert "datasets:write" not in (await guest.get("/api/v1/me")).json()["powers"]
        listed = (await owner.get(f"/api/v1/organisations/{member.org_name}/invitations")).json()["items"]
        assert [one["uses"] for one in listed] == [1]


@pytest.mark.parametrize("end", ["taken back", "run out", "made up", "of another kind"])
async def test_an_invitation_that_is_none_any_more_lets_nobody_in(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase, end: str
) -> None:
    async with signed_in_client(app, member) as owner, signed_in_client(app, stranger) as guest:
        made = await invite(owner, member)
        token = made["token"]
        if end == "taken back":
            path = f"/api/v1/organisations/{member.org_name}/invitations/{made['id']}"
            assert (await owner.delete(path)).status_code == 204
        if end == "run out":
            rows_of(database, "UPDATE invitations SET expires_at = now() WHERE id = %s", made["id"])
        if end == "made up":
            token = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
        if end == "of another kind":
            # that of a password's reset, were there one with this id
            token = token_of(app.state.resources.signer, "reset_password", UUID(made["id"]))
        for answer in (
            await guest.get(f"/api/v1/invitations/{token}"),
            await guest.post(f"/api/v1/invitations/{token}/accept"),
            await guest.post("/api/v1/registrations", json=wanted(invitation=token)),
        ):
            assert (answer.status_code, answer.json()["code"]) == (410, "invitation_used")


async def test_an_invitation_for_one_address_is_for_nobody_else(app: FastAPI, member: Member, stranger: Member) -> None:
    async with signed_in_client(app, member) as owner, signed_in_client(app, stranger) as guest, browser_of(app) as new:
        given = wanted()
        made = await invite(owner, member, email=given["email"], uses_max=9)
        assert made["uses_max"] == 1
        refused = await guest.post(f"/api/v1/invitations/{made['token']}/accept")
        assert (refused.status_code, refused.json()["code"]) == (403, "invitation_for_another")
        assert given["email"] in refused.json()["detail"]
        assert f"{stranger.user_id.hex}@example.org" in refused.json()["detail"]
        other = await new.post("/api/v1/registrations", json=wanted(invitation=made["token"]))
        assert (other.status_code, other.json()["code"]) == (403, "invitation_for_another")
        given |= {"invitation": made["token"], "email": given["email"].upper()}
        assert (await new.post("/api/v1/registrations", json=given)).json()["state"] == "signed_in"


async def test_only_who_manages_members_invites_and_only_where_they_act(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase
) -> None:
    maintainer = make_member(database, organisation=(member.org_id, member.org_name), role="maintainer")
    path = f"/api/v1/organisations/{member.org_name}/invitations"
    for who, status in ((maintainer, 403), (stranger, 404)):
        async with client_of(app, key=who.key) as client:
            assert (await client.post(path, json={"role": "owner"})).status_code == status
            assert (await client.get(path)).status_code == status
    async with client_of(app, key=stranger.key) as client, client_of(app, key=member.key) as owner:
        made = await invite(owner, member)
        own = f"/api/v1/organisations/{stranger.org_name}/invitations/{made['id']}"
        assert (await client.delete(own)).json()["code"] == "invitation_not_found"


async def test_a_letter_with_the_link_goes_to_the_address_that_is_invited(
    database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    settings = settings_for(database, tmp_path, mail_url="smtp://127.0.0.1:1")
    async with running_app(settings) as app, client_of(app, key=member.key) as owner:
        made = await invite(owner, member, email="new@example.org")
        assert await token_in_letter(app, database, "invitation", "new@example.org") == made["token"]
