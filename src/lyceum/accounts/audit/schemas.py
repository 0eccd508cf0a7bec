"""The audit log over HTTP."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

ExportFormat = Literal["csv", "jsonl"]

ActorFilter = Annotated[UUID | None, Query(description="Only what this person did, or did as somebody else.")]
ActionFilter = Annotated[
    str | None, Query(max_length=100, description="Only this operation, by its id, such as `create_dataset`.")
]
KindFilter = Annotated[str | None, Query(max_length=100, description="Only objects of this kind, such as `dataset`.")]
ObjectFilter = Annotated[str | None, Query(max_length=300, description="Only this object, by its id or its address.")]
FromFilter = Annotated[AwareDatetime | None, Query(alias="from", description="Not before this time.")]
ToFilter = Annotated[AwareDatetime | None, Query(alias="to", description="Before this time.")]


class AuditEntry(BaseModel):
    """Something somebody did, tried or read. A digest is the SHA-256 of what was shown, as JSON with its names sorted."""

    id: UUID
    at: datetime
    organisation_id: UUID | None
    actor_id: UUID | None
    actor: str | None
    impersonator_id: UUID | None
    key_id: UUID | None
    session_id: UUID | None
    action: str
    outcome: str
    reason: str | None
    times: int
    object_kind: str | None
    object_id: str | None
    object_address: str | None
    before_digest: str | None
    after_digest: str | None
    request_id: str | None
    address: str | None


class AuditPage(BaseModel):
    """A page of the log, newest first."""

    items: list[AuditEntry]
    next: str | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None takes all."""

    actor_id: UUID | None = None
    action: str | None = None
    object_kind: str | None = None
    object: str | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    org_id: UUID | None = None
    """Of one organisation, for whoever reads the log of the whole hub."""
