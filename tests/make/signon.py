"""Identity providers as an administrator sets them up, and people who sign on through them."""

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from fixtures.app import eventually, job_row, rows_of, running_worker
from fixtures.identity_provider import CLIENT_ID, CLIENT_SECRET, RealProvider, ToldProvider
from fixtures.people import as_administrator
from fixtures.servers import TestDatabase
from fixtures.within import no_longer_than
from lyceum.accounts.known import KNOWN_SECONDS
from lyceum.accounts.signon import jobs
from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.tx import transaction
from make.accounts import Member


@dataclass(frozen=True, slots=True)
class SetUpProvider:
    """A provider of the hub."""

    id: str
    name: str

    @property
    def start(self) -> str:
        return f"/api/v1/sign-on/{self.name}"


async def set_up_provider(app: FastAPI, operator: Member, discovery_url: str, **more: Any) -> SetUpProvider:
    """Set up a provider that admits everyone, unless `more` says otherwise."""
    wanted = {
        "name": f"p-{secrets.token_hex(6)}",
        "title": "The university",
        "discovery_url": discovery_url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "admits": "everyone",
        **more,
    }
    async with as_administrator(app, operator) as client:
        made = await client.post("/api/v1/admin/sign-on-providers", json=wanted)
    assert made.status_code == 201, made.text
    return SetUpProvider(made.json()["id"], made.json()["name"])


async def add_rule(app: FastAPI, operator: Member, provider: SetUpProvider, **rule: Any) -> str:
    """Have a group of the provider give a role; return the rule's id."""
    async with as_administrator(app, operator) as client:
        made = await client.post(f"/api/v1/admin/sign-on-providers/{provider.id}/rules", json=rule)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def begun(browser: httpx.AsyncClient, provider: SetUpProvider, *, return_to: str = "/datasets") -> str:
    """Begin a sign-on in a browser; return where the hub sends it."""
    answer = await browser.get(provider.start, params={"return_to": return_to})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def problem_of(answer: httpx.Response) -> str | None:
    """Return the code of what went wrong that stands in the address of the sign-in page, None where nothing did."""
    url = httpx.URL(answer.headers["location"])
    return url.params.get("problem") if url.path == "/sign-in" else None


async def came_back(
    browser: httpx.AsyncClient, chosen: SetUpProvider, provider: ToldProvider, **more: str
) -> httpx.Response:
    """Sign somebody on; return what the hub answers in the end."""
    return await browser.get(provider.answer_for(await begun(browser, chosen), **more))


async def is_signed_in(browser: httpx.AsyncClient) -> bool:
    """Say whether somebody is signed in in a browser."""
    return (await browser.get("/api/v1/sessions")).status_code == 200


async def until_signed_out(browser: httpx.AsyncClient) -> None:
    """Return once nobody is signed in any more; fails when that takes longer than a session is remembered."""
    await no_longer_than(KNOWN_SECONDS, lambda: is_signed_in(browser))


async def sign_on(
    browser: httpx.AsyncClient, provider: SetUpProvider, real: RealProvider, subject: str, **claims: Any
) -> httpx.Response:
    """Sign somebody on whom the provider tells this of; return what the hub answers in the end."""
    real.set_person(subject, **claims)
    return await browser.get(await real.answer_for(subject, await begun(browser, provider)))


def identity_of(database: TestDatabase, subject: str) -> dict[str, Any]:
    """Return the row of somebody as a provider knows them."""
    return rows_of(database, "SELECT * FROM sign_on_identities WHERE subject = %s", subject)[0]


def roles_of(database: TestDatabase, user_id: UUID) -> dict[UUID, str]:
    """Return a person's role in each of their organisations."""
    rows = rows_of(database, "SELECT org_id, role FROM memberships WHERE user_id = %s", user_id)
    return {row["org_id"]: row["role"] for row in rows}


def groups_of(database: TestDatabase, user_id: UUID) -> dict[UUID, bool]:
    """Return the groups a person is in, and whether somebody has put them there by hand."""
    rows = rows_of(database, "SELECT group_id, given_by_hand FROM group_members WHERE user_id = %s", user_id)
    return {row["group_id"]: row["given_by_hand"] for row in rows}


async def asked_about_everybody(app: FastAPI, database: TestDatabase) -> None:
    """Have the providers asked now about whoever they are to be asked about some time."""
    rows_of(database, "UPDATE sign_on_identities SET refresh_after = now() WHERE refresh_after IS NOT NULL")
    resources = app.state.resources
    async with transaction(resources.database, NOBODY) as tx:
        job_id = await enqueue(tx, jobs.RefreshSignOns())
    async with running_worker(resources, *jobs.HANDLERS):
        done = await eventually(
            lambda: job_row(database, job_id)["state"] in {"done", "dead"} and job_row(database, job_id)
        )
    assert done["state"] == "done", done
