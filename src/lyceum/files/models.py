"""Uploads as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class UploadRow(Base):
    """A file on its way in: `open` until its content is whole, `taken` once something was made of it, then `swept`."""

    __tablename__ = "uploads"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID]
    created_by: Mapped[UUID]
    file_name: Mapped[str]
    bytes_declared: Mapped[int | None] = mapped_column(BigInteger)
    bytes_received: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    sha256_declared: Mapped[str | None]
    part_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """The size of every part but the last, of an upload that comes in parts."""
    part_count: Mapped[int | None]
    content_key: Mapped[str | None]
    """Where the content lies in the storage, from when it is whole."""
    bytes_kept: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """What it counts among what the organisation keeps: announced, then arrived; 0 once its content is gone."""
    state: Mapped[str] = mapped_column(server_default="open")
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    expires_at: Mapped[datetime]


class UploadPartRow(Base):
    """A part that the hub itself was sent whole; what an object store was sent is known to that alone."""

    __tablename__ = "upload_parts"

    upload_id: Mapped[UUID] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    sha256: Mapped[str]
    content_key: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(server_default="now()")
