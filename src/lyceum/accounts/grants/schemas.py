"""Grants and requests for access over HTTP."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from lyceum.accounts.schemas import EmailAddress

GrantedRole = Literal["maintainer", "reviewer", "viewer"]
Kind = Literal["dataset", "model", "run"]
RequestState = Literal["pending", "approved", "refused"]


class NewGrant(BaseModel):
    """A role on one object, for a person by their whole address or for a group of an organisation you are in."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    address: str = Field(min_length=1, max_length=200)
    user_email: EmailAddress | None = Field(default=None, max_length=254)
    group_id: UUID | None = None
    role: GrantedRole
    ends_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _to_one(self) -> Self:
        if (self.user_email is None) == (self.group_id is None):
            raise ValueError("say user_email or group_id, and not both")
        return self


class Grantee(BaseModel):
    """Who was granted something: a person, or a group with its organisation's name."""

    user_id: UUID | None
    group_id: UUID | None
    name: str
    email: str | None
    organisation: str | None


class Grant(BaseModel):
    """A role on one object, as its organisation sees it; no address once the object is archived."""

    id: UUID
    kind: Kind
    object_id: UUID
    address: str | None
    to: Grantee
    role: GrantedRole
    created_at: datetime
    ends_at: datetime | None


class GrantPage(BaseModel):
    """A page of grants, the newest first; those that have ended are among them until they are taken back."""

    items: list[Grant]
    next: str | None


class GrantToMe(BaseModel):
    """What you were granted, by yourself or in a group; no address once the object is archived."""

    id: UUID
    kind: Kind
    object_id: UUID
    organisation: str
    address: str | None
    title: str | None
    group: str | None
    role: GrantedRole
    created_at: datetime
    ends_at: datetime | None


class GrantToMePage(BaseModel):
    """A page of what you were granted, the newest first."""

    items: list[GrantToMe]
    next: str | None


class NewAccessRequest(BaseModel):
    """What you would like to get at, and why."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    address: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=1000)


class AccessAskedFor(BaseModel):
    """The same answer whether there is such an object or not."""

    state: Literal["asked"]


class AccessRequest(BaseModel):
    """A request for access; who asks is told to those alone who decide it. `note` is what they said, empty for nothing."""

    id: UUID
    kind: Kind
    address: str
    reason: str
    state: RequestState
    asked_by: Grantee | None
    created_at: datetime
    decided_at: datetime | None
    note: str


class AccessRequestPage(BaseModel):
    """A page of requests, the newest first."""

    items: list[AccessRequest]
    next: str | None


class Approval(BaseModel):
    """What is granted to whoever asked."""

    model_config = ConfigDict(extra="forbid")

    role: GrantedRole = "viewer"
    ends_at: AwareDatetime | None = None
    note: str = Field(default="", max_length=1000)


class Refusal(BaseModel):
    """What whoever asked is told."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(default="", max_length=1000)
