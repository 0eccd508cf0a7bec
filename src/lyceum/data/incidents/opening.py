"""Incidents open, go on and end by what is seen; `tx` works for the dataset's organisation.

However many tell of one thing at once, one incident is open about it: a partial unique index says so, and whoever comes second
finds the row of whoever came first.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Boolean, Select, literal_column, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.incidents.limits import begin_weeks, limits_of
from lyceum.data.incidents.models import IncidentRow
from lyceum.data.incidents.seeing import Limits, Recovery, Subject, Trouble, due, earliest, shortened, worse
from lyceum.data.incidents.timeline import look_again, note, tidy, told_of, was_told
from lyceum.data.incidents.work import Change, TellOfIncident
from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue

_IS_NEW = literal_column("xmax = 0", Boolean()).label("is_new")


class ToldMeanwhile(RuntimeError):
    """The same was told at the same time, and its incident has ended by now; the job is tried again and finds that out."""


async def see_trouble(tx: AsyncSession, trouble: Trouble) -> UUID | None:
    """Open an incident, count once more where one is open, and return its id; None where nothing new was told.

    What recovered a short while ago opens again instead. Raises `ToldMeanwhile`.
    """
    org_id = _organisation(tx)
    if await was_told(tx, org_id, trouble.source):
        return None
    row = await tx.scalar(_open_about(org_id, trouble.subject))
    limits = await limits_of(tx, org_id)
    change: Change | None = None
    if row is None:
        last = await tx.scalar(_last_ended(org_id, trouble.subject))
        if trouble.late or (last is not None and last.resolved_at is not None and trouble.seen_at <= last.resolved_at):
            return None
        if last is not None and await _opens_again(tx, last, trouble, limits):
            row, change = last, "reopened"
    is_new = False
    if row is None:
        row, is_new = await _insert_or_find(tx, org_id, trouble, limits)
    line = await _note_seen(tx, row, trouble, kind="opened" if is_new else (change or "seen"))
    if line is None:
        if is_new:
            raise ToldMeanwhile(f"{trouble.source} was told twice at the same time.")
        return None
    if is_new:
        change = "opened"
        await begin_weeks(tx, org_id)
    else:
        change = _go_on(row, trouble, limits) if change is None else change
        await tidy(tx, row)
        await tx.flush()
    if change is not None:
        await tell_of(tx, row.id, change)
    return row.id


async def see_recovery(tx: AsyncSession, recovery: Recovery) -> UUID | None:
    """End the incident that is open about something and return its id; None where there is none, or trouble was seen since."""
    row = await tx.scalar(_open_about(_organisation(tx), recovery.subject))
    if row is None or recovery.seen_at < row.last_seen_at:
        return None
    seen = told_of(summary=recovery.summary, version_id=recovery.version_id, evidence={}, severity=None)
    # not by its source: a run that has recovered one thing may have recovered others
    await note(tx, row, "recovered", data=seen | {"source": recovery.source})
    row.state, row.resolution, row.resolved_by = "resolved", "recovered", None
    row.resolved_at, row.snoozed_until, row.look_at = recovery.seen_at, None, None
    await tx.flush()
    await tell_of(tx, row.id, "resolved")
    return row.id


async def end_of_subject(tx: AsyncSession, subject: Subject, *, why: str) -> UUID | None:
    """End the incident that is open about something nobody watches any more and return its id; None where there is none."""
    row = await tx.scalar(_open_about(_organisation(tx), subject))
    if row is None:
        return None
    row.state, row.resolution, row.resolved_by = "resolved", "ignored", None
    row.resolved_at, row.snoozed_until, row.look_at = datetime.now(UTC), None, None
    await note(tx, row, "resolved", data={"resolution": "ignored", "why": why})
    await tx.flush()
    await tell_of(tx, row.id, "resolved")
    return row.id


async def tell_of(tx: AsyncSession, incident_id: UUID, change: Change) -> None:
    """Have those told of a change whom the organisation's rules name, once `tx` commits."""
    await enqueue(tx, TellOfIncident(incident_id=incident_id, change=change), ordering_key=f"incident:{incident_id}")


def _organisation(tx: AsyncSession) -> UUID:
    scope: Scope = tx.info["scope"]
    if scope.org_id is None:
        raise ValueError("incidents are those of an organisation; let the transaction work for the dataset's")
    return scope.org_id


def _open_about(org_id: UUID, subject: Subject) -> Select[IncidentRow]:
    return (
        select(IncidentRow)
        .where(
            IncidentRow.org_id == org_id,
            IncidentRow.fingerprint == subject.fingerprint,
            IncidentRow.state != "resolved",
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _last_ended(org_id: UUID, subject: Subject) -> Select[IncidentRow]:
    return (
        select(IncidentRow)
        .where(
            IncidentRow.org_id == org_id,
            IncidentRow.fingerprint == subject.fingerprint,
            IncidentRow.state == "resolved",
        )
        .order_by(IncidentRow.resolved_at.desc(), IncidentRow.id.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def _opens_again(tx: AsyncSession, row: IncidentRow, trouble: Trouble, limits: Limits) -> bool:
    """Open what has recovered a short while ago again, unless somebody else has opened another meanwhile."""
    within = timedelta(minutes=limits.reopen_minutes)
    if row.resolution != "recovered" or row.resolved_at is None or trouble.seen_at > row.resolved_at + within:
        return False
    try:
        async with tx.begin_nested():
            open_again(row, limits, trouble.seen_at)
            _go_on(row, trouble, limits)
            await tx.flush()
    except IntegrityError:
        await tx.refresh(row)
        return False
    return True


def open_again(row: IncidentRow, limits: Limits, at: datetime) -> None:
    """Have an incident be open anew; its time limits run from now."""
    row.state, row.resolution, row.resolved_at, row.resolved_by = "open", None, None, None
    row.acknowledged_at, row.acknowledged_by, row.snoozed_until = None, None, None
    row.acknowledge_due_at = due(limits.acknowledge, row.severity, since=at)
    row.resolve_due_at = due(limits.resolve, row.severity, since=at)
    row.acknowledge_breached_at = row.resolve_breached_at = None
    row.look_at = look_again(row)


async def _insert_or_find(tx: AsyncSession, org_id: UUID, trouble: Trouble, limits: Limits) -> tuple[IncidentRow, bool]:
    acknowledge_due = due(limits.acknowledge, trouble.severity, since=trouble.seen_at)
    resolve_due = due(limits.resolve, trouble.severity, since=trouble.seen_at)
    made = insert(IncidentRow).values(
        id=new_id(),
        org_id=org_id,
        dataset_id=trouble.subject.dataset_id,
        fingerprint=trouble.subject.fingerprint,
        kind=trouble.subject.kind,
        subject=trouble.subject.name,
        title=shortened(trouble.title),
        part=trouble.subject.part,
        severity=trouble.severity,
        summary=shortened(trouble.summary),
        evidence=trouble.evidence,
        version_id=trouble.version_id,
        first_seen_at=trouble.seen_at,
        last_seen_at=trouble.seen_at,
        acknowledge_due_at=acknowledge_due,
        resolve_due_at=resolve_due,
        look_at=earliest(acknowledge_due, resolve_due),
    )
    # changes nothing, but waits for whoever opens the same, and returns their row locked
    found = made.on_conflict_do_update(
        index_elements=["org_id", "fingerprint"],
        # as text: a plan for any value could not be sure that it is this index
        index_where=text("state <> 'resolved'"),
        set_={"fingerprint": made.excluded.fingerprint},
    ).returning(IncidentRow.id, _IS_NEW)
    told = (await tx.execute(found)).one()
    row = await tx.get(IncidentRow, told.id, populate_existing=True)
    if row is None:
        raise AssertionError("the row was just written")
    return row, bool(told.is_new)


async def _note_seen(tx: AsyncSession, row: IncidentRow, trouble: Trouble, *, kind: str) -> UUID | None:
    data = told_of(
        summary=trouble.summary,
        version_id=trouble.version_id,
        evidence=trouble.evidence,
        severity=trouble.severity,
    )
    return await note(tx, row, kind, data=data, source=trouble.source)


def _go_on(row: IncidentRow, trouble: Trouble, limits: Limits) -> Change | None:
    """Count trouble that was seen once more; return `worsened` where it is worse than before."""
    row.occurrences += 1
    row.first_seen_at = min(row.first_seen_at, trouble.seen_at)
    if trouble.seen_at >= row.last_seen_at:
        row.last_seen_at = trouble.seen_at
        row.title, row.summary = shortened(trouble.title), shortened(trouble.summary)
        row.evidence, row.version_id = trouble.evidence, trouble.version_id
    if worse(row.severity, trouble.severity) == row.severity:
        return None
    row.severity = trouble.severity
    row.acknowledge_due_at = earliest(
        row.acknowledge_due_at, due(limits.acknowledge, row.severity, since=trouble.seen_at)
    )
    row.resolve_due_at = earliest(row.resolve_due_at, due(limits.resolve, row.severity, since=trouble.seen_at))
    row.look_at = look_again(row)
    return "worsened"
