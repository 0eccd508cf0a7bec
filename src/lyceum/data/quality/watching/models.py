"""Watches of datasets and what they found odd, as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class DatasetWatchRow(Base):
    """How a dataset is watched, and what the detectors know of it; locked while that changes."""

    __tablename__ = "dataset_watches"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    enabled: Mapped[bool]
    alarm_share: Mapped[float]
    detectors: Mapped[list[str]]
    state: Mapped[bytes | None]
    memory: Mapped[bytes | None]
    watched_number: Mapped[int] = mapped_column(server_default="0")
    """The last version that was looked at."""
    revision: Mapped[int] = mapped_column(server_default="1")


class AnomalyRow(Base):
    """A version whose metrics were odd; `findings` are the engine's, figures without anybody's data."""

    __tablename__ = "anomalies"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    version_number: Mapped[int]
    at_seconds: Mapped[float]
    score: Mapped[float]
    threshold: Mapped[float]
    findings: Mapped[list[dict[str, Any]]]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
