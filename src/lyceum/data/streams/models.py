"""Streams as rows: what is read, how far, by whom, and what could not be."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class StreamRow(Base):
    """A topic of Kafka that is read into a dataset."""

    __tablename__ = "streams"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    name: Mapped[str]
    servers: Mapped[list[str]]
    topic: Mapped[str]
    group_name: Mapped[str]
    format: Mapped[str]
    new_fields: Mapped[str]
    start_at: Mapped[str]
    registry_url: Mapped[str | None]
    """None for the registry of the organisation on this hub."""
    registry_username: Mapped[str | None]
    protocol: Mapped[str]
    mechanism: Mapped[str | None]
    username: Mapped[str | None]
    authorities: Mapped[str | None]
    certificate: Mapped[str | None]
    secrets_sealed: Mapped[bytes | None] = mapped_column(deferred=True, deferred_raiseload=True)
    flush_rows: Mapped[int]
    flush_seconds: Mapped[int]
    consumers: Mapped[int]
    dead_letters_max: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="running")
    error: Mapped[str | None]
    error_at: Mapped[datetime | None]
    version_id: Mapped[UUID | None]
    """The version that is being made of its messages just now."""
    delta_version: Mapped[int | None] = mapped_column(BigInteger)
    """The last commit of its messages that was accepted; how far they were read stands in that commit."""
    appended_rows: Mapped[int] = mapped_column(BigInteger, server_default="0")
    skipped_messages: Mapped[int] = mapped_column(BigInteger, server_default="0")
    last_message_at: Mapped[datetime | None]
    last_version_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    revision: Mapped[int] = mapped_column(server_default="1")


class StreamPartitionRow(Base):
    """How far a partition of a stream's topic was read, and how far it goes."""

    __tablename__ = "stream_partitions"

    stream_id: Mapped[UUID] = mapped_column(ForeignKey("streams.id", ondelete="CASCADE"), primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    first_offset: Mapped[int] = mapped_column(BigInteger)
    next_offset: Mapped[int] = mapped_column(BigInteger)
    """Of the first message whose row is neither in the table nor among the dead letters."""
    end_offset: Mapped[int | None] = mapped_column(BigInteger)
    message_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]


class StreamConsumerRow(Base):
    """A worker that reads a stream, for as long as it says so in time."""

    __tablename__ = "stream_consumers"

    stream_id: Mapped[UUID] = mapped_column(ForeignKey("streams.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    worker_id: Mapped[UUID]
    partitions: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    since: Mapped[datetime] = mapped_column(server_default="now()")
    expires_at: Mapped[datetime]


class DeadLetterRow(Base):
    """A message that is no row: it could not be read, or does not fit the columns."""

    __tablename__ = "dead_letters"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    stream_id: Mapped[UUID] = mapped_column(ForeignKey("streams.id", ondelete="CASCADE"))
    topic: Mapped[str]
    partition: Mapped[int]
    offset: Mapped[int] = mapped_column(BigInteger)
    message_at: Mapped[datetime | None]
    byte_count: Mapped[int]
    content: Mapped[bytes] = mapped_column(deferred=True, deferred_raiseload=True)
    """Its first bytes."""
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="held")
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
