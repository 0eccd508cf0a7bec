"""Administrators who act as somebody else, as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class ImpersonationRow(Base):
    """A time in which an administrator may act as a person."""

    __tablename__ = "impersonations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    administrator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    began_at: Mapped[datetime] = mapped_column(server_default="now()")
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
