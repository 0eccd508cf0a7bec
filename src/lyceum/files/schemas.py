"""Uploads over HTTP."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class NewUpload(BaseModel):
    """The file to come; a declared size lets a full disk or a limit be told before anything is sent."""

    model_config = ConfigDict(extra="forbid")

    file_name: str = Field(min_length=1, max_length=255)
    byte_count: int | None = Field(default=None, ge=0)


class UploadBegun(BaseModel):
    """Where to PUT the content: a path under the hub's own address, or an object store's whole address.

    `complete_needed` says whether `POST …/complete` must follow.
    """

    id: UUID
    put_url: str
    complete_needed: bool
    expires_at: datetime


class UploadWhole(BaseModel):
    """The content has arrived."""

    id: UUID
    file_name: str
    byte_count: int
    sha256: str | None
