"""Databases that datasets are read from, as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base


class SqlSourceRow(Base):
    """The database a dataset is read from; its URL with the password, and what is read, are sealed."""

    __tablename__ = "dataset_sql_sources"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    wish_sealed: Mapped[bytes]
    cron: Mapped[str | None]
    zone: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(server_default="now()")
