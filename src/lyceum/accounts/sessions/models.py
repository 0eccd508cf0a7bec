"""Sessions, refresh tokens and signing keys as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class SessionRow(Base):
    """Somebody signed in on one device; its refresh tokens are a family."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    signed_in_with: Mapped[str]
    device: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    last_used_at: Mapped[datetime] = mapped_column(server_default="now()")
    expires_at: Mapped[datetime]
    stepped_up_until: Mapped[datetime | None]
    impersonator_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    revoked_at: Mapped[datetime | None]


class RefreshTokenRow(Base):
    """One token of a session, by its digest; each generation is used once."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    generation: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    used_at: Mapped[datetime | None]


class SigningKeyRow(Base):
    """A key that access tokens are signed with, from its time on; the private half is sealed."""

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[bytes]
    private_key_sealed: Mapped[bytes]
    signs_from: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
