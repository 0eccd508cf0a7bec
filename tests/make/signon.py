"""Identity providers as an administrator sets them up, and people who sign on through them."""

import secrets
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from fixtures.identity_provider import CLIENT_ID, CLIENT_SECRET, ToldProvider
from fixtures.people import as_administrator
from fixtures.within import no_longer_than
from lyceum.accounts.known import KNOWN_SECONDS
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
