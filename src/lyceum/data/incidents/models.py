"""Incidents, their timelines and what organisations want of them as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lyceum.kernel.db import Base
from lyceum.kernel.ids import new_id


class IncidentRow(Base):
    """Something that is wrong with a dataset; at most one that is not resolved has a fingerprint."""

    __tablename__ = "incidents"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    fingerprint: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    title: Mapped[str]
    part: Mapped[str] = mapped_column(server_default="")
    severity: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    summary: Mapped[str]
    evidence: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    version_id: Mapped[UUID | None] = mapped_column(ForeignKey("dataset_versions.id", ondelete="SET NULL"))
    """The last on which it was seen."""
    occurrences: Mapped[int] = mapped_column(server_default="1")
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    acknowledged_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    acknowledged_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    resolution: Mapped[str | None]
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    resolved_at: Mapped[datetime | None]
    acknowledge_due_at: Mapped[datetime | None]
    resolve_due_at: Mapped[datetime | None]
    acknowledge_breached_at: Mapped[datetime | None]
    resolve_breached_at: Mapped[datetime | None]
    look_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class IncidentEventRow(Base):
    """One line of an incident's timeline: what was seen, or what somebody did."""

    __tablename__ = "incident_events"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    kind: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    comment: Mapped[str] = mapped_column(server_default="")
    data: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    source: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class IncidentSettingsRow(Base):
    """How long an organisation takes for incidents, by severity in minutes, and whether it wants to hear of its weeks."""

    __tablename__ = "incident_settings"

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    acknowledge_minutes: Mapped[dict[str, Any]]
    resolve_minutes: Mapped[dict[str, Any]]
    reopen_minutes: Mapped[int]
    weekly_digest: Mapped[bool]
    zone: Mapped[str]
    week_told: Mapped[str] = mapped_column(server_default="")
    revision: Mapped[int] = mapped_column(server_default="1")


class AlertRuleRow(Base):
    """Who is told of which incidents; `conditions` and `delivery` are those of the schema."""

    __tablename__ = "alert_rules"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    position: Mapped[int]
    name: Mapped[str]
    enabled: Mapped[bool]
    conditions: Mapped[dict[str, Any]]
    delivery: Mapped[dict[str, Any]]
    destination_id: Mapped[UUID | None] = mapped_column(ForeignKey("destinations.id", ondelete="SET NULL"))
    people: Mapped[list[str]]
    escalate_minutes: Mapped[int | None]
    escalate_destination_id: Mapped[UUID | None] = mapped_column(ForeignKey("destinations.id", ondelete="SET NULL"))
    escalate_people: Mapped[list[str]]
    goes_on: Mapped[bool]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default="now()")
    revision: Mapped[int] = mapped_column(server_default="1")


class AlertRow(Base):
    """Incidents that are told of together: they gather while it is waiting, until it is sent or nothing is left to be told."""

    __tablename__ = "alerts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    rule_id: Mapped[UUID | None] = mapped_column(ForeignKey("alert_rules.id", ondelete="SET NULL"))
    destination_id: Mapped[UUID | None] = mapped_column(ForeignKey("destinations.id", ondelete="SET NULL"))
    group_key: Mapped[str]
    state: Mapped[str]
    send_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default="now()")


class AlertIncidentRow(Base):
    """An incident that an alert tells of."""

    __tablename__ = "alert_incidents"

    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True)
    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
