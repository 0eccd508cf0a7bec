"""Models, their versions and aliases as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class ModelRow(Base):
    """A model: an address whose content is a line of versions."""

    __tablename__ = "models"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str]
    # what the name is found by: under row-level security an index on lower(name) would not be used
    name_key: Mapped[str] = mapped_column(Computed("lower(name)"))
    description: Mapped[str] = mapped_column(server_default="")
    visibility: Mapped[str] = mapped_column(server_default="private")
    sensitive: Mapped[bool] = mapped_column(server_default="false")
    """Whether every read of it is recorded."""
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    archived_at: Mapped[datetime | None]


class ModelVersionRow(Base):
    """A version: one artefact that never changes, what it takes and gives, and where it came from."""

    __tablename__ = "model_versions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    model_id: Mapped[UUID] = mapped_column(ForeignKey("models.id"))
    number: Mapped[int]
    operation_id: Mapped[UUID]
    format: Mapped[str]
    artifact_path: Mapped[str]
    artifact_sha256: Mapped[str]
    artifact_bytes: Mapped[int] = mapped_column(BigInteger)
    reference_path: Mapped[str | None]
    """Of what the model saw in training and answered then; None for one that was made without."""
    signature: Mapped[dict[str, Any]]
    parity: Mapped[dict[str, Any]]
    origin: Mapped[dict[str, Any]]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class ModelAliasRow(Base):
    """A name for one version, such as `champion`; moving it is how another version goes into service."""

    __tablename__ = "model_aliases"

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    model_id: Mapped[UUID] = mapped_column(ForeignKey("models.id"), primary_key=True)
    alias: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("model_versions.id"))
    set_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    set_at: Mapped[datetime] = mapped_column(server_default="now()")
