"""Programs whose people sign in through the hub, and what such a program sends."""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from fastapi import FastAPI

from fixtures.people import as_administrator
from make.accounts import Member

REDIRECT_URI = "https://jupyter.example/hub/oauth_callback"


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the hub, as it signs one person in."""

    id: str
    secret: str
    redirect_uri: str = REDIRECT_URI
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def asks(self, **more: str | None) -> str:
        """Return the address it sends a browser to."""
        challenge = urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile email groups",
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return f"/authorize?{urlencode({name: value for name, value in asked.items() if value is not None})}"

    async def exchange(self, client: httpx.AsyncClient, code: str, **more: str | None) -> httpx.Response:
        """Bring a code, as `client_secret_post` has it unless `more` says otherwise."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            "client_id": self.id,
            "client_secret": self.secret,
            **more,
        }
        kept = {name: value for name, value in form.items() if value is not None}
        return await client.post("/api/v1/oauth/token", data=kept)


async def make_program(app: FastAPI, operator: Member, **more: Any) -> Program:
    """Make a program that does not ask its people, unless `more` says otherwise."""
    wanted = {"title": "JupyterHub", "redirect_uris": [REDIRECT_URI], "asks_consent": False, **more}
    async with as_administrator(app, operator) as client:
        made = await client.post("/api/v1/admin/oauth-clients", json=wanted)
    assert made.status_code == 201, made.text
    return Program(made.json()["id"], made.json()["client_secret"], wanted["redirect_uris"][0])


def told_by(answer: httpx.Response) -> dict[str, str]:
    """Return what the address holds that a browser is sent to."""
    assert answer.status_code == 303, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def code_for(browser: httpx.AsyncClient, program: Program, **more: str | None) -> str:
    """Return the code a program gets for whoever is signed in in a browser."""
    return told_by(await browser.get(program.asks(**more)))["code"]


def form_in(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)}
