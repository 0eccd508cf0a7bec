"""Uploads as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
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
    content_key: Mapped[str | None]
    """Where the content lies in the storage, from when it is whole."""
    state: Mapped[str] = mapped_column(server_default="open")
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    expires_at: Mapped[datetime]
