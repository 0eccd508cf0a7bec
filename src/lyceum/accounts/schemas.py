"""What accounts sends and takes over HTTP. Answers have no defaults, so that generated clients are exact."""

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema

from lyceum.accounts.policy import ALL_SCOPES, Power, Role

EMAIL_PATTERN = r"^[^@\s]+@[^@\s]+$"


def _usable_email(email: str) -> str:
    if not re.fullmatch(EMAIL_PATTERN, email):
        raise ValueError(f"{email[:100]!r} is no e-mail address such as ada@example.org")
    return email


EmailAddress = Annotated[
    str, AfterValidator(_usable_email), WithJsonSchema({"type": "string", "pattern": EMAIL_PATTERN})
]


class ApiKey(BaseModel):
    """A key without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    user_id: UUID
    last_used_at: datetime | None
    rate_per_minute: int | None
    replaced_by: UUID | None


class ApiKeyMade(ApiKey):
    """A fresh key; its secret is shown this once."""

    secret: str


class ApiKeyPage(BaseModel):
    """A page of keys, newest first; `next` goes into `cursor` for the page after, null when there is none."""

    items: list[ApiKey]
    next: str | None


class NewApiKey(BaseModel):
    """What a new key is for."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    scopes: list[str] | None = Field(default=None, max_length=len(ALL_SCOPES))
    """Null for those of your own powers that work with data, runs, models and keys."""
    expires_at: AwareDatetime | None = None
    rate_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    """Requests it may send each minute, predictions among them; null for as many as its person may."""


class Rotation(BaseModel):
    """How long the old key works beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: float = Field(default=24.0, ge=0, le=24 * 30)


class RolePowers(BaseModel):
    """A role and what whoever has it may do in the organisation; `on_object` is what it gives when it is granted of one object."""

    role: Role
    powers: list[Power]
    on_object: list[Power]


class RoleList(BaseModel):
    """Every role, the mightiest first."""

    items: list[RolePowers]


class FirstAdministrator(BaseModel):
    """What the set-up page asks for."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(min_length=1, max_length=200)
    email: EmailAddress = Field(max_length=254)
    display_name: str = Field(min_length=1, max_length=100)
    password: str = Field(min_length=1, max_length=1024)


class AdministratorReady(BaseModel):
    """The administrator's account works; the key's secret is shown this once."""

    organisation: str
    key: ApiKeyMade
