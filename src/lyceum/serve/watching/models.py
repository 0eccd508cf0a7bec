"""Which dataset a model version's predictions go into, and what was last found there."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base


class WatchedVersionRow(Base):
    """A model version whose predictions are rolled up into a dataset and judged there."""

    __tablename__ = "watched_versions"

    model_version_id: Mapped[UUID] = mapped_column(ForeignKey("model_versions.id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    model_id: Mapped[UUID] = mapped_column(ForeignKey("models.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    rolled_to: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Up to which id of the log its rows are in the dataset, or on their way there."""
    verdict: Mapped[dict[str, Any] | None]
    judged_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("dataset_versions.id", ondelete="SET NULL"))
    judged_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
