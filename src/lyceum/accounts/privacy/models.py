"""People who take their data along, or leave, as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class ExportRow(Base):
    """An archive of what the hub keeps of a person, made for them and kept for some days."""

    __tablename__ = "personal_exports"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(server_default="queued")
    content_key: Mapped[str | None]
    byte_count: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    asked_at: Mapped[datetime] = mapped_column(server_default="now()")
    ready_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class DeletionRow(Base):
    """A person who wants to leave, and when; it goes with them."""

    __tablename__ = "account_deletions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(server_default="now()")
    due_at: Mapped[datetime]
    organisation_ids: Mapped[list[str]] = mapped_column(server_default="[]")
    """Those that are to go with them though others are in them; once it has begun, all that go."""
    began_at: Mapped[datetime | None]
