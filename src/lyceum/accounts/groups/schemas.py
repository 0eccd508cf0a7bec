"""Groups over HTTP."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class NewGroup(BaseModel):
    """A group to be."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)


class GroupChange(BaseModel):
    """What can be changed of a group."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)


class NewGroupMember(BaseModel):
    """A member of the organisation who is to be in the group."""

    model_config = ConfigDict(extra="forbid")

    user_id: UUID


class Group(BaseModel):
    """A group of an organisation's members."""

    id: UUID
    name: str
    member_count: int
    created_at: datetime


class GroupPage(BaseModel):
    """A page of groups, the newest first."""

    items: list[Group]
    next: str | None


class GroupMember(BaseModel):
    """A person in a group."""

    user_id: UUID
    display_name: str
    email: str | None
    added_at: datetime


class GroupMemberPage(BaseModel):
    """A page of a group's members."""

    items: list[GroupMember]
    next: str | None
