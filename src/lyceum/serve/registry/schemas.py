"""Models over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

NUMBER_MAX = 2**31 - 1


class Model(BaseModel):
    """A model as people with access see it."""

    id: UUID
    address: str
    organisation: str
    name: str
    description: str
    visibility: str
    sensitive: bool = Field(description="Whether every read of it is recorded in the audit log.")
    latest_version: int | None
    aliases: dict[str, int]
    created_at: datetime


class ModelPage(BaseModel):
    """A page of models, newest first."""

    items: list[Model]
    next: str | None


class ParityOut(BaseModel):
    """Whether the served file gives the same answers as in training, on rows held out of it."""

    rows: int
    labels_equal: bool
    max_abs_difference: float
    within_tolerance: bool
    tolerance: float


class ModelVersion(BaseModel):
    """A version: what it takes and gives, where it came from, and where it answers."""

    id: UUID
    model: str
    number: int
    format: str
    artifact_bytes: int
    artifact_sha256: str
    signature: dict[str, Any]
    parity: ParityOut
    origin: dict[str, Any]
    endpoint: str
    created_at: datetime


class ModelVersionPage(BaseModel):
    """A page of versions, newest first."""

    items: list[ModelVersion]
    next: str | None


class Sensitivity(BaseModel):
    """Whether every read of a model is to be recorded."""

    model_config = ConfigDict(extra="forbid")

    sensitive: bool


class AliasTarget(BaseModel):
    """The version an alias is to name."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=NUMBER_MAX)
