"""Organisations and their members over HTTP."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

OrganisationName = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
RoleName = Literal["owner", "maintainer", "reviewer", "viewer"]


class NewOrganisation(BaseModel):
    """An organisation to be; its name is the first half of every address and stays."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=OrganisationName)
    title: str = Field(default="", max_length=100)


class OrganisationChange(BaseModel):
    """What can be changed of an organisation."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=100)


class OrganisationEnd(BaseModel):
    """The name typed again, so that nobody deletes the wrong one."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64)


class Organisation(BaseModel):
    """An organisation as one of its members sees it, with their role."""

    id: UUID
    name: str
    title: str
    role: RoleName
    joined_at: datetime


class OrganisationPage(BaseModel):
    """The organisations one is in, those joined last first."""

    items: list[Organisation]
    next: str | None


class OrganisationMember(BaseModel):
    """A person in an organisation."""

    user_id: UUID
    display_name: str
    email: str | None
    role: RoleName
    joined_at: datetime


class MemberPage(BaseModel):
    """A page of members, by their ids."""

    items: list[OrganisationMember]
    next: str | None


class RoleChange(BaseModel):
    """Another role for a member."""

    model_config = ConfigDict(extra="forbid")

    role: RoleName


class NewOwner(BaseModel):
    """The member who owns the organisation from now on."""

    model_config = ConfigDict(extra="forbid")

    user_id: UUID
