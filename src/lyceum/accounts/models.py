"""People, organisations, memberships and API keys as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class OrganisationRow(Base):
    """An organisation; its name is the first half of every address."""

    __tablename__ = "organisations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    title: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    deleted_at: Mapped[datetime | None]


class UserRow(Base):
    """A person. Without a password hash they cannot sign in with one, and with what is awaited they cannot sign in."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str | None]
    display_name: Mapped[str]
    password_hash: Mapped[str | None]
    instance_admin: Mapped[bool] = mapped_column(server_default="false")
    suspended_at: Mapped[datetime | None]
    email_verified_at: Mapped[datetime | None]
    locale: Mapped[str | None]
    purpose: Mapped[str | None]
    """What they use the hub for, which decides what the web app shows them first; null until they say."""
    awaits_email: Mapped[bool] = mapped_column(server_default="false")
    awaits_consent: Mapped[bool] = mapped_column(server_default="false")
    erased_at: Mapped[datetime | None]
    """Since when the row leads to nobody: it stays for what points at it."""
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class MembershipRow(Base):
    """A person's role in an organisation."""

    __tablename__ = "memberships"

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class ApiKeyRow(Base):
    """A key: a person in one organisation, with no more power than its scopes and their role allow."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    prefix: Mapped[str]
    digest: Mapped[bytes]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    rate_per_minute: Mapped[int | None]
    replaced_by: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
