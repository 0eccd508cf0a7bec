"""The administration of a hub over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

Search = Annotated[
    str | None, Query(alias="q", min_length=1, max_length=100, description="Only those whose names hold this.")
]


class OrganisationOf(BaseModel):
    """An organisation a person is in."""

    id: UUID
    name: str
    title: str
    role: str


class Person(BaseModel):
    """A person of the hub, as whoever runs it sees them."""

    id: UUID
    email: str | None
    display_name: str
    administrator: bool
    suspended_at: datetime | None
    created_at: datetime
    deletion_due_at: datetime | None
    organisations: list[OrganisationOf]


class PersonPage(BaseModel):
    """A page of people, newest first."""

    items: list[Person]
    next: str | None


class OrganisationSummary(BaseModel):
    """An organisation and what is in it."""

    id: UUID
    name: str
    title: str
    created_at: datetime
    members: int
    datasets: int
    models: int
    byte_count: int


class OrganisationSummaryPage(BaseModel):
    """A page of organisations, oldest first."""

    items: list[OrganisationSummary]
    next: str | None


class AdministratorChange(BaseModel):
    """Whether a person is to run the hub."""

    model_config = ConfigDict(extra="forbid")

    administrator: bool


class NewImpersonation(BaseModel):
    """Why an administrator acts as somebody else; the person can read it in their data."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=3, max_length=300)


class Impersonation(BaseModel):
    """Sent as the header `Lyceum-As`, its id has the administrator's requests made as the person until it ends."""

    id: UUID
    user_id: UUID
    display_name: str
    began_at: datetime
    ends_at: datetime


class StatusItem(BaseModel):
    """One thing a hub should have: whether it has it, and what to do about it."""

    name: Literal["public_url", "mail", "sign_on", "backup", "disk", "queue"]
    state: Literal["ok", "missing", "attention"]
    says: str


class HubStatus(BaseModel):
    """What of a hub is set up, and what is not; `release` is Lyceum's, `database` is PostgreSQL's."""

    release: str
    database: str
    items: list[StatusItem]


class HubSchedule(BaseModel):
    """Work that comes round: of an organisation by a cron expression, of the hub itself every so many seconds."""

    organisation: str | None
    name: str
    kind: str
    cron: str | None
    zone: str | None
    every_seconds: int | None
    next_at: datetime
    last_job_id: UUID | None


class HubSchedulePage(BaseModel):
    """A page of schedules: those of the hub itself come with the first page."""

    items: list[HubSchedule]
    next: str | None


class ScheduledJob(BaseModel):
    """The job that was put on the queue, or the one that was there already."""

    job_id: UUID
