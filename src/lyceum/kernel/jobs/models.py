"""The one table that is both the queue and the job its owner sees."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class JobRow(Base):
    """One job; only the queue's functions move its state."""

    __tablename__ = "jobs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    kind: Mapped[str]
    job_class: Mapped[str] = mapped_column("class", server_default="normal")
    heavy: Mapped[bool] = mapped_column(server_default="false")
    short: Mapped[bool] = mapped_column(server_default="false")
    args: Mapped[dict[str, Any]]
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    state: Mapped[str] = mapped_column(server_default="ready")
    run_at: Mapped[datetime] = mapped_column(server_default="now()")
    attempt: Mapped[int] = mapped_column(server_default="0")
    attempts_max: Mapped[int] = mapped_column(server_default="5")
    lease_until: Mapped[datetime | None]
    worker_id: Mapped[UUID | None]
    cancel_requested: Mapped[bool] = mapped_column(server_default="false")
    dedup_key: Mapped[str | None]
    result: Mapped[Any | None] = mapped_column(JSONB)
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
