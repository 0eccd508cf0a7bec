"""Answers kept for requests that are sent again, as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base

KEPT_HOURS = 24


class IdempotencyKeyRow(Base):
    """The answer to one request of a person; without a body it is known that it was carried out, and no more."""

    __tablename__ = "idempotency_keys"

    key_digest: Mapped[bytes] = mapped_column(primary_key=True)
    org_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisations.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    fingerprint: Mapped[bytes]
    status: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
