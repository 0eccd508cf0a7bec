"""Reads of the audit log: an organisation's, the whole hub's, one person's own."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.models import AuditRow
from lyceum.accounts.audit.schemas import AuditEntry, AuditFilter
from lyceum.accounts.policy import Actor, Power, require, require_operator

_NAMES = text("SELECT user_id, name FROM definer.audit_names(CAST(:ids AS uuid[]))")


async def list_audit(
    tx: AsyncSession, who: Actor, wanted: AuditFilter, *, limit: int, before: UUID | None = None
) -> list[AuditEntry]:
    """Return entries of the organisation acted in, newest first: two queries."""
    org_id = require(who, Power.AUDIT_READ)
    query = select(AuditRow).where(AuditRow.org_id == org_id).order_by(AuditRow.id.desc()).limit(limit)
    if wanted.actor_id is not None:
        query = query.where(or_(AuditRow.actor_id == wanted.actor_id, AuditRow.impersonator_id == wanted.actor_id))
    if wanted.action is not None:
        query = query.where(AuditRow.action == wanted.action)
    if wanted.object_kind is not None:
        query = query.where(AuditRow.object_kind == wanted.object_kind)
    if wanted.object is not None:
        query = query.where(or_(AuditRow.object_id == wanted.object, AuditRow.object_address == wanted.object))
    if wanted.from_time is not None:
        query = query.where(AuditRow.at >= wanted.from_time)
    if wanted.to_time is not None:
        query = query.where(AuditRow.at < wanted.to_time)
    if before is not None:
        query = query.where(AuditRow.id < before)
    return await _as_entries(tx, (await tx.scalars(query)).all())


async def list_audit_of_all(
    tx: AsyncSession, who: Actor, wanted: AuditFilter, *, limit: int, before: UUID | None = None
) -> list[AuditEntry]:
    """Return entries of all organisations and of none, newest first; for whoever runs the hub."""
    require_operator(who)
    found = func.definer.audit_of_all(
        wanted.org_id,
        wanted.actor_id,
        wanted.action,
        wanted.object_kind,
        wanted.object,
        wanted.from_time,
        wanted.to_time,
        before,
        limit,
    )
    return await _as_entries(tx, await _rows_of(tx, found))


async def list_audit_of_person(tx: AsyncSession, *, limit: int, before: UUID | None = None) -> list[AuditEntry]:
    """Return what the person whom `tx` works for did, in every organisation, newest first."""
    return await _as_entries(tx, await _rows_of(tx, func.definer.audit_of_person(before, limit)))


async def _rows_of(tx: AsyncSession, found: Any) -> Iterable[AuditRow]:
    columns = found.table_valued(*AuditRow.__table__.columns)
    return (await tx.scalars(select(AuditRow).from_statement(select(columns)))).all()


async def _as_entries(tx: AsyncSession, rows: Iterable[AuditRow]) -> list[AuditEntry]:
    found = list(rows)
    ids = {row.actor_id for row in found if row.actor_id is not None}
    names = {row.user_id: row.name for row in await tx.execute(_NAMES, {"ids": list(ids)})} if ids else {}
    return [
        AuditEntry(
            id=row.id,
            at=row.at,
            organisation_id=row.org_id,
            actor_id=row.actor_id,
            actor=names.get(row.actor_id),
            impersonator_id=row.impersonator_id,
            key_id=row.key_id,
            session_id=row.session_id,
            action=row.action,
            outcome=row.outcome,
            reason=row.reason,
            times=row.times,
            object_kind=row.object_kind,
            object_id=row.object_id,
            object_address=row.object_address,
            before_digest=row.before_digest.hex() if row.before_digest is not None else None,
            after_digest=row.after_digest.hex() if row.after_digest is not None else None,
            request_id=row.request_id,
            address=row.address,
        )
        for row in found
    ]
