"""Erasures of people from datasets, as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class ErasureRow(Base):
    """Somebody being erased from every version of a dataset; whom is sealed, and goes when they are gone."""

    __tablename__ = "dataset_erasures"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    key_column: Mapped[str]
    key_sealed: Mapped[bytes | None] = mapped_column(deferred=True, deferred_raiseload=True)
    job_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    finished_at: Mapped[datetime | None]
