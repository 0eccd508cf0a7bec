"""Taking one's data along, and leaving, over HTTP."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class PersonalExport(BaseModel):
    """An archive of what the hub keeps of you: `queued`, then `ready` until it expires."""

    id: UUID
    state: str
    byte_count: int | None
    asked_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None


class PersonalExportPage(BaseModel):
    """Your archives, newest first; those whose time has long been over are not told of."""

    items: list[PersonalExport]
    next: str | None


class NewDeletion(BaseModel):
    """Organisations that are to go with you though others are in them; those you are alone in go in any case."""

    model_config = ConfigDict(extra="forbid")

    delete_organisations: list[str] = Field(default_factory=list, max_length=100)


class Deletion(BaseModel):
    """When your account goes, and which organisations with it; until then it can be called off."""

    asked_at: datetime
    due_at: datetime
    organisations: list[str]
