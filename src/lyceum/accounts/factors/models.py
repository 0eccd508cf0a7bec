"""Second factors as rows, and the tickets between two steps of signing in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class AuthenticatorAppRow(Base):
    """An app that shows codes by the clock; its secret is sealed. It counts once it has given a right code."""

    __tablename__ = "authenticator_apps"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    secret_sealed: Mapped[bytes]
    last_step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    confirmed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class PasskeyRow(Base):
    """A passkey's public half."""

    __tablename__ = "passkeys"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    transports: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    last_used_at: Mapped[datetime | None]


class RecoveryCodeRow(Base):
    """A code for when every other factor is lost, by its digest; used once."""

    __tablename__ = "recovery_codes"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    used_at: Mapped[datetime | None]


class TicketRow(Base):
    """Somebody whose first factor was right; used once, and for a few guesses."""

    __tablename__ = "second_factor_tickets"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    digest: Mapped[bytes] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    signed_in_with: Mapped[str]
    guesses: Mapped[int] = mapped_column(server_default="0")
    expires_at: Mapped[datetime]


class ChallengeRow(Base):
    """What an authenticator is to sign, by its digest, and for what it was made."""

    __tablename__ = "passkey_challenges"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    expires_at: Mapped[datetime]
