"""The audit log as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base


class AuditRow(Base):
    """Something somebody did, tried, or read; written once and never changed."""

    __tablename__ = "audit_log"

    # the log has no primary key: it lies in months by `at`, and nobody asks for one line
    at: Mapped[datetime]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    key_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    impersonator_id: Mapped[UUID | None]
    action: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    times: Mapped[int]
    object_kind: Mapped[str | None]
    object_id: Mapped[str | None]
    object_address: Mapped[str | None]
    before_digest: Mapped[bytes | None]
    after_digest: Mapped[bytes | None]
    request_id: Mapped[str | None]
    address: Mapped[str | None]
