"""Programs that sign their people in through the hub, as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class OauthClientRow(Base):
    """A program; its secret is kept as a digest."""

    __tablename__ = "oauth_clients"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str]
    secret_digest: Mapped[bytes]
    redirect_uris: Mapped[list[str]]
    sign_out_uris: Mapped[list[str]]
    back_channel_logout_url: Mapped[str | None]
    asks_consent: Mapped[bool]
    revision: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class OauthConsentRow(Base):
    """What somebody lets a program know of them."""

    __tablename__ = "oauth_consents"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"), primary_key=True)
    scopes: Mapped[list[str]]
    given_at: Mapped[datetime] = mapped_column(server_default="now()")


class OauthGrantRow(Base):
    """One sign-in of a person at a program, from one session of theirs."""

    __tablename__ = "oauth_grants"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    scopes: Mapped[list[str]]
    redirect_uri: Mapped[str]
    nonce: Mapped[str | None]
    code_digest: Mapped[bytes]
    code_challenge: Mapped[str]
    code_expires_at: Mapped[datetime]
    code_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    logout_told_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
