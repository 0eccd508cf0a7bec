"""Training runs and their trials as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class TrainingRunRow(Base):
    """One training on one dataset version."""

    __tablename__ = "training_runs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    # that of a dataset elsewhere may be gone with its organisation
    dataset_version_id: Mapped[UUID]
    job_id: Mapped[UUID | None]
    target: Mapped[str]
    time_limit_seconds: Mapped[float]
    seed: Mapped[int] = mapped_column(server_default="0")
    leave_out: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    state: Mapped[str] = mapped_column(server_default="queued")
    task: Mapped[str | None]
    metric: Mapped[str | None]
    greater_is_better: Mapped[bool | None]
    score: Mapped[float | None]
    baseline: Mapped[float | None]
    fit_seconds: Mapped[float | None]
    columns_left_out: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    # Curves and examples: large, and wanted by few readers. Whoever needs it asks for it.
    report: Mapped[dict[str, Any] | None] = mapped_column(deferred=True, deferred_raiseload=True)
    artifact: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class TrialRow(Base):
    """One member of a run's portfolio that was tried; `facts` is a row of the leaderboard."""

    __tablename__ = "trials"

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("training_runs.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    facts: Mapped[dict[str, Any]]
    recorded_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
