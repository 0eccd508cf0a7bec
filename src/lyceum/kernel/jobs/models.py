"""The one table that is both the queue and the job its owner sees, and what hangs on it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, ForeignKey, Identity, SmallInteger
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
    lane: Mapped[str] = mapped_column(server_default="light")
    label: Mapped[str] = mapped_column(server_default="")
    args: Mapped[dict[str, Any]]
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    state: Mapped[str] = mapped_column(server_default="ready")
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    run_at: Mapped[datetime] = mapped_column(server_default="now()")
    turn_at: Mapped[datetime] = mapped_column(server_default="now()")
    turn_of: Mapped[UUID] = mapped_column(Computed("coalesce(org_id, '00000000-0000-0000-0000-000000000000')"))
    attempt: Mapped[int] = mapped_column(server_default="0")
    attempts_max: Mapped[int] = mapped_column(server_default="5")
    lease_until: Mapped[datetime | None]
    worker_id: Mapped[UUID | None]
    cancel_requested: Mapped[bool] = mapped_column(server_default="false")
    dedup_key: Mapped[str | None]
    ordering_key: Mapped[str | None]
    seconds_max: Mapped[int | None]
    origin: Mapped[dict[str, Any] | None]
    result: Mapped[Any | None] = mapped_column(JSONB)
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobNeedRow(Base):
    """A job that waits until another is done."""

    __tablename__ = "job_needs"

    needs_id: Mapped[UUID] = mapped_column(primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    org_id: Mapped[UUID | None]


class JobLogRow(Base):
    """A line that a job's handler logged."""

    __tablename__ = "job_log"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    org_id: Mapped[UUID | None]
    attempt: Mapped[int]
    at: Mapped[datetime]
    level: Mapped[str]
    message: Mapped[str]
    facts: Mapped[dict[str, Any]]


class JobScheduleRow(Base):
    """Work of an organisation that comes round."""

    __tablename__ = "job_schedules"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID]
    owner_id: Mapped[UUID | None]
    name: Mapped[str]
    kind: Mapped[str]
    args: Mapped[dict[str, Any]]
    cron: Mapped[str]
    zone: Mapped[str]
    next_at: Mapped[datetime]
    last_job_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
