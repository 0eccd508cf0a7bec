"""Datasets and their versions as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class DatasetRow(Base):
    """A dataset: an address whose content is a line of versions."""

    __tablename__ = "datasets"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str]
    # what the name is found by: under row-level security an index on lower(name) would not be used
    name_key: Mapped[str] = mapped_column(Computed("lower(name)"))
    description: Mapped[str] = mapped_column(server_default="")
    column_notes: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    personal_columns: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """What is known of columns that hold personal data, by name: see `marks.py`."""
    tags: Mapped[list[str]] = mapped_column(server_default="[]")
    licence: Mapped[str] = mapped_column(server_default="")
    # long, and wanted by few readers
    readme: Mapped[str] = mapped_column(server_default="", deferred=True, deferred_raiseload=True)
    visibility: Mapped[str] = mapped_column(server_default="private")
    sensitive: Mapped[bool] = mapped_column(server_default="false")
    """Whether every read of it is recorded."""
    declared_columns: Mapped[list[Any] | None] = mapped_column(JSONB, deferred=True, deferred_raiseload=True)
    """Names and types that its first version has, where they were known before it; None where that version says."""
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    archived_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(server_default="1")
    keep_versions: Mapped[int | None]
    keep_days: Mapped[int | None]
    dormant_days: Mapped[int | None]
    dormant_at: Mapped[datetime | None]
    """Since when it takes no writes."""
    woken_at: Mapped[datetime | None]
    tended_at: Mapped[datetime | None]
    """When its versions and files were last looked after."""


class DatasetVersionRow(Base):
    """A version: `number` n is Delta version `delta_version` of the dataset's table, once it is accepted."""

    __tablename__ = "dataset_versions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    number: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default="pending")
    operation_id: Mapped[UUID] = mapped_column(default=new_id)
    upload_id: Mapped[UUID | None] = mapped_column(ForeignKey("uploads.id"))
    job_id: Mapped[UUID | None]
    delta_version: Mapped[int | None] = mapped_column(BigInteger)
    file_name: Mapped[str]
    source: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    # under row-level security an index on what the JSON says would not be used
    made_of_id: Mapped[UUID | None] = mapped_column(Computed("(source->>'version_id')::uuid"))
    """The version, of another dataset, whose rows it was made of."""
    row_count: Mapped[int | None] = mapped_column(BigInteger)
    byte_count: Mapped[int | None] = mapped_column(BigInteger)
    table_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """Of the files that were written for it; those it shares with earlier versions are theirs."""
    table_schema: Mapped[dict[str, Any] | None]
    # Large on wide tables, and wanted by few readers: whoever needs it asks for it.
    profile: Mapped[dict[str, Any] | None] = mapped_column(deferred=True, deferred_raiseload=True)
    error: Mapped[dict[str, Any] | None]
    fetch_sealed: Mapped[bytes | None] = mapped_column(deferred=True, deferred_raiseload=True)
    """The address its file is fetched from, until it is there."""
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    accepted_at: Mapped[datetime | None]
    thinned_at: Mapped[datetime | None]
    """Since when its rows are not read any more."""
    replaced_delta_version: Mapped[int | None] = mapped_column(BigInteger)
    """Where its rows lay before its small files were written as one."""
    replaced_at: Mapped[datetime | None]
