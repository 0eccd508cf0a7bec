"""What organisations keep and may keep, as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base


class StorageUsageRow(Base):
    """How much of one kind an organisation keeps."""

    __tablename__ = "storage_usage"

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    byte_count: Mapped[int] = mapped_column(BigInteger)
    object_count: Mapped[int] = mapped_column(BigInteger)


class StorageQuotaRow(Base):
    """What an administrator allowed an organisation, in place of the hub's setting; 0: without limit."""

    __tablename__ = "storage_quotas"

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    bytes_max: Mapped[int] = mapped_column(BigInteger)
    set_by: Mapped[UUID | None]
    set_at: Mapped[datetime] = mapped_column(server_default="now()")
