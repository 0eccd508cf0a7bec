"""What sessions send and take over HTTP."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class SignIn(BaseModel):
    """An e-mail and a password; a program that keeps no cookies says so and gets the refresh token in the answer."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(min_length=1, max_length=254)
    password: str = Field(min_length=1, max_length=1024)
    cookies: bool = True


class Session(BaseModel):
    """Somebody signed in on one device; `current` is the session that asks."""

    id: UUID
    device: str
    address: str
    signed_in_with: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    stepped_up_until: datetime | None
    current: bool


class SignedIn(BaseModel):
    """The session has begun, or goes on; the tokens are null where they went into cookies, which no script can read."""

    state: Literal["signed_in"]
    session: Session
    access_token: str | None
    expires_in: int = Field(description="Seconds the access token is good for.")
    refresh_token: str | None


class SecondFactorAsked(BaseModel):
    """The password was right; `ticket` is to be sent with a second factor, one of `methods`."""

    state: Literal["second_factor"]
    ticket: str
    methods: list[str]


class Refresh(BaseModel):
    """The refresh token of a program that keeps no cookies."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: str | None = Field(default=None, max_length=200)


class SessionPage(BaseModel):
    """A page of sessions, newest first; `next` goes into `cursor` for the page after, null when there is none."""

    items: list[Session]
    next: str | None


class PublishedKeys(BaseModel):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, str]]
