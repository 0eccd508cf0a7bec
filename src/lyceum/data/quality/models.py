"""Checks, check runs, their results and what was concluded from them as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class CheckRow(Base):
    """A check kept with its dataset; `definition` is the engine's JSON."""

    __tablename__ = "checks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    definition: Mapped[dict[str, Any]]
    origin: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    schedule: Mapped[str] = mapped_column(server_default="")
    zone: Mapped[str] = mapped_column(server_default="UTC")
    enabled: Mapped[bool] = mapped_column(server_default="true")
    revision: Mapped[int] = mapped_column(server_default="1")
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    archived_at: Mapped[datetime | None]


class CheckRunRow(Base):
    """Checks of a dataset on one of its versions: those in `check_ids`, all that are enabled where it is None."""

    __tablename__ = "check_runs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("dataset_versions.id", ondelete="CASCADE"))
    job_id: Mapped[UUID | None]
    origin: Mapped[str] = mapped_column(server_default="person")
    check_ids: Mapped[list[str] | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    error: Mapped[dict[str, Any] | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    finished_at: Mapped[datetime | None]


class CheckResultRow(Base):
    """What came of one check in one run, of another tool's where it has no `check_id`; `result` is the engine's JSON."""

    __tablename__ = "check_results"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    check_run_id: Mapped[UUID] = mapped_column(ForeignKey("check_runs.id", ondelete="CASCADE"))
    check_id: Mapped[UUID | None] = mapped_column(ForeignKey("checks.id"))
    result: Mapped[dict[str, Any]]


class RefusedSuggestionRow(Base):
    """A check that is not to be suggested again; `name` is its own id."""

    __tablename__ = "refused_suggestions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    name: Mapped[str]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class DatasetQualityRow(Base):
    """How a dataset stands after the checks that ran last; `score` is of 100, None where nothing could be judged."""

    __tablename__ = "dataset_quality"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    check_run_id: Mapped[UUID] = mapped_column(ForeignKey("check_runs.id"))
    state: Mapped[str]
    score: Mapped[float | None]
    judged_at: Mapped[datetime]


class CheckStateRow(Base):
    """What a dataset's checks counted on the newest version that they ran on, for the next one to go on from."""

    __tablename__ = "check_states"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    delta_version: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[bytes]
    kept_at: Mapped[datetime] = mapped_column(server_default="now()")
