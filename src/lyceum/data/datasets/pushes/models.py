"""Records that were pushed and wait to become a version, a row for each request."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base


class PushedBatchRow(Base):
    """What one request pushed, as it came; of a version as soon as that is being made of it."""

    __tablename__ = "pushed_batches"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    org_id: Mapped[UUID]
    dataset_id: Mapped[UUID]
    pushed_by: Mapped[UUID | None]
    form: Mapped[str]
    record_count: Mapped[int]
    byte_count: Mapped[int]
    # read where a version is made of it, and nowhere else
    records: Mapped[bytes] = mapped_column(deferred=True, deferred_raiseload=True)
    version_id: Mapped[UUID | None] = mapped_column(ForeignKey("dataset_versions.id", ondelete="CASCADE"))
    times_put_back: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    pushed_at: Mapped[datetime] = mapped_column(server_default="now()")
