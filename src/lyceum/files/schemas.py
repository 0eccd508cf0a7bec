"""Uploads over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lyceum.files.digests import SHA256_PATTERN

PARTS_MAX = 10_000

Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]


class NewUpload(BaseModel):
    """The file to come; a declared size lets a full disk or a limit be told before anything is sent.

    With `in_parts`, which needs the size, it is sent in parts: in any order, at once, and again after a failure.
    """

    model_config = ConfigDict(extra="forbid")

    file_name: str = Field(min_length=1, max_length=255)
    byte_count: int | None = Field(default=None, ge=0)
    sha256: Sha256 | None = None
    in_parts: bool = False


class UploadBegun(BaseModel):
    """Where to PUT the content: a path under the hub's own address, or an object store's whole address.

    `complete_needed` says whether `POST …/complete` must follow. An upload in parts has no `put_url`: each part has its
    own, listed at `…/parts`.
    """

    id: UUID
    put_url: str | None
    complete_needed: bool
    part_bytes: int | None
    part_count: int | None
    expires_at: datetime


class UploadState(BaseModel):
    """An upload as it stands: `state` is open, complete, taken or swept."""

    id: UUID
    file_name: str
    state: str
    byte_count: int | None
    sha256: str | None
    part_bytes: int | None
    part_count: int | None
    parts_there: int | None
    expires_at: datetime


class UploadPart(BaseModel):
    """A part: how many bytes it has to have, where to PUT it, and whether it is there; `sha256` where the hub knows it."""

    number: int
    byte_count: int
    put_url: str
    is_there: bool
    sha256: str | None


class UploadPartPage(BaseModel):
    """Parts by number; `next` is the `after` of the page after this one."""

    items: list[UploadPart]
    next: int | None


class PartWhole(BaseModel):
    """A part has arrived."""

    number: int
    byte_count: int
    sha256: str


class Completion(BaseModel):
    """What the content must be: its SHA-256, or that of each part in order; what is not said is not checked."""

    model_config = ConfigDict(extra="forbid")

    sha256: Sha256 | None = None
    part_sha256: list[Sha256] | None = Field(default=None, max_length=PARTS_MAX)


class UploadWhole(BaseModel):
    """The content has arrived."""

    id: UUID
    file_name: str
    byte_count: int
    sha256: str | None


class KeptBytes(BaseModel):
    """How much of one kind is kept."""

    byte_count: int
    object_count: int


class KeptStorage(BaseModel):
    """What an organisation keeps, by kind, and the most it may keep in bytes; None: any amount."""

    models: KeptBytes
    tables: KeptBytes
    uploads: KeptBytes
    byte_count: int
    bytes_max: int | None


class OrganisationStorage(BaseModel):
    """What one organisation keeps; its quota is its own, or that of the hub's settings."""

    id: UUID
    organisation: str
    has_own_quota: bool
    storage: KeptStorage


class HubDisk(BaseModel):
    """The disk the hub's data lies on; below `free_bytes_min` nothing is written that grows."""

    total_bytes: int
    free_bytes: int
    free_bytes_min: int


class DamagedFile(BaseModel):
    """A stored file that is `missing`, or `changed` since it was stored; `key` says where it lies in the storage."""

    organisation: str
    key: str
    problem: str
    found_at: datetime


class HubStorage(BaseModel):
    """The hub's disk, the damaged files (the last 100 found), and a page of the organisations.

    `next` is the cursor of the page after this one.
    """

    disk: HubDisk
    damaged: list[DamagedFile]
    items: list[OrganisationStorage]
    next: str | None


class Quota(BaseModel):
    """The most an organisation may keep, in bytes; 0 is any amount, null leaves it to the hub's setting."""

    model_config = ConfigDict(extra="forbid")

    bytes_max: int | None = Field(ge=0, le=2**62)
