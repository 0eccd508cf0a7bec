"""Identity providers, what their groups give, and who signs on through them, as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class SignOnProviderRow(Base):
    """An identity provider; its name stands in addresses."""

    __tablename__ = "sign_on_providers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    title: Mapped[str]
    discovery_url: Mapped[str]
    client_id: Mapped[str]
    client_secret_sealed: Mapped[bytes]
    scopes: Mapped[list[str]]
    groups_claim: Mapped[str]
    email_claim: Mapped[str]
    name_claim: Mapped[str]
    admits: Mapped[str]
    email_domains: Mapped[list[str]]
    trusts_email: Mapped[bool]
    trusts_second_factor: Mapped[bool]
    refresh_minutes: Mapped[int | None]
    revision: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class SignOnRuleRow(Base):
    """What a group of a provider gives; one that leads into a group of the organisation goes with that."""

    __tablename__ = "sign_on_rules"
    __table_args__ = (
        ForeignKeyConstraint(["target_id", "into_group_id"], ["groups.org_id", "groups.id"], ondelete="CASCADE"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("sign_on_providers.id", ondelete="CASCADE"))
    group_pattern: Mapped[str]
    target_kind: Mapped[str]
    target_id: Mapped[UUID]
    role: Mapped[str]
    into_group_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class SignOnIdentityRow(Base):
    """A person as a provider knows them: an issuer's subject."""

    __tablename__ = "sign_on_identities"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("sign_on_providers.id", ondelete="CASCADE"))
    issuer: Mapped[str]
    subject: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    email: Mapped[str | None]
    groups: Mapped[list[str]]
    refresh_token_sealed: Mapped[bytes | None]
    refresh_after: Mapped[datetime | None]
    signed_on_at: Mapped[datetime] = mapped_column(server_default="now()")
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class SignOnSessionRow(Base):
    """A session of the hub that began by a sign-on, and what the provider calls its own session."""

    __tablename__ = "sign_on_sessions"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True)
    identity_id: Mapped[UUID] = mapped_column(ForeignKey("sign_on_identities.id", ondelete="CASCADE"))
    provider_session: Mapped[str | None]


Claims = dict[str, Any]
"""What a verified token or the userinfo endpoint says of somebody."""
