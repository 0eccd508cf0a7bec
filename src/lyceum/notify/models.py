"""Notices, wishes, browsers and destinations as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class NoticeRow(Base):
    """One thing one person is told; a kind and its facts, from which words are made in the reader's language."""

    __tablename__ = "notices"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    org_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
    object_kind: Mapped[str | None]
    address: Mapped[str | None]
    collapse_key: Mapped[str | None]
    in_inbox: Mapped[bool]
    mail: Mapped[str]
    mailed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    read_at: Mapped[datetime | None]


class NoticePreferenceRow(Base):
    """Whether a person wants a kind of notice by a channel, where that is not as the kind has it."""

    __tablename__ = "notice_preferences"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    wanted: Mapped[bool]


class NoticeSettingsRow(Base):
    """How often a person wants mail, and where their days begin."""

    __tablename__ = "notice_settings"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    mail_pace: Mapped[str]
    zone: Mapped[str]
    next_digest_at: Mapped[datetime | None]


class PushSubscriptionRow(Base):
    """A browser that is pushed to; `sealed` holds its endpoint and keys."""

    __tablename__ = "push_subscriptions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    endpoint_digest: Mapped[bytes]
    service: Mapped[str]
    device: Mapped[str]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class DestinationRow(Base):
    """Where an organisation has notices sent; `sealed` holds its address and secret."""

    __tablename__ = "destinations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    kind: Mapped[str]
    name: Mapped[str]
    host: Mapped[str]
    sealed: Mapped[bytes]
    notice_kinds: Mapped[list[str]]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    last_sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
