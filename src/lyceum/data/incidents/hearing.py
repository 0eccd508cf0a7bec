"""What incidents hear of quality and of people, and what they make of it."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.events import PersonLeft
from lyceum.data.datasets.events import ColumnsMarked
from lyceum.data.incidents.forgetting import cover_what_was_seen
from lyceum.data.incidents.models import IncidentRow
from lyceum.data.incidents.opening import end_of_subject, see_recovery, see_trouble
from lyceum.data.incidents.seeing import CHECK, Recovery, Severity, Subject, Trouble
from lyceum.data.incidents.timeline import incident_told_of, note
from lyceum.data.quality.events import AnomalyAnswered, CheckDropped, ChecksRan, QualityJudged, WatchEnded
from lyceum.data.quality.public import CheckOutcome, CheckRunOutcome, check_run_outcome
from lyceum.kernel.db import NOBODY
from lyceum.kernel.events import Subscription
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.tx import transaction

_SEVERITY: dict[str, Severity] = {"warning": "warning", "error": "critical"}
_LEAVE = text("SELECT definer.incidents_of_person_leave(:person, :org_id)")


async def _hear_of_checks(run: JobRun, event: ChecksRan) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        found = await check_run_outcome(tx, event.check_run_id)
        if found is None:
            return
        open_about = await _open_checks(tx, found.dataset_id)
        for outcome in found.outcomes:
            await _take(tx, found, outcome, is_open=str(outcome.check_id) in open_about)


async def _take(tx: AsyncSession, found: CheckRunOutcome, outcome: CheckOutcome, *, is_open: bool) -> None:
    subject = Subject(found.dataset_id, CHECK, str(outcome.check_id))
    source = f"check_run:{found.check_run_id}:{outcome.check_id}"
    if outcome.holds:
        if is_open and not found.is_outdated:
            recovery = Recovery(
                subject=subject,
                source=source,
                seen_at=found.finished_at,
                summary=outcome.sentence,
                version_id=found.version_id,
            )
            await see_recovery(tx, recovery)
        return
    if outcome.is_dropped:
        return
    trouble = Trouble(
        subject=subject,
        source=source,
        seen_at=found.finished_at,
        severity=_SEVERITY.get(outcome.severity, "critical"),
        title=outcome.name,
        summary=outcome.sentence,
        version_id=found.version_id,
        evidence={
            "check_run_id": str(found.check_run_id),
            "check_id": str(outcome.check_id),
            "rows_checked": outcome.rows_checked,
            "failing": outcome.failing_count,
        },
        late=found.is_outdated,
    )
    await see_trouble(tx, trouble)


async def _hear_of_judgement(run: JobRun, event: QualityJudged) -> None:
    subject = Subject(event.dataset_id, event.kind, event.subject, event.part)
    async with transaction(run.resources.database, run.scope) as tx:
        if event.holds:
            recovery = Recovery(
                subject=subject,
                source=event.source,
                seen_at=event.judged_at,
                summary=event.summary,
                version_id=event.version_id,
            )
            await see_recovery(tx, recovery)
            return
        trouble = Trouble(
            subject=subject,
            source=event.source,
            seen_at=event.judged_at,
            severity=event.severity,
            title=event.title,
            summary=event.summary,
            version_id=event.version_id,
            evidence=event.evidence,
        )
        await see_trouble(tx, trouble)


async def _hear_of_drop(run: JobRun, event: CheckDropped) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        await end_of_subject(tx, Subject(event.dataset_id, CHECK, str(event.check_id)), why="check_dropped")


async def _hear_of_end(run: JobRun, event: WatchEnded) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        await end_of_subject(tx, Subject(event.dataset_id, event.kind, event.subject), why="watch_ended")


async def _hear_of_answer(run: JobRun, event: AnomalyAnswered) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        row = await incident_told_of(tx, event.judged_source)
        if row is None:
            return
        facts = {"answer": event.answer, "anomaly_id": str(event.anomaly_id), "version_number": event.version_number}
        await note(tx, row, "answered", by=event.user_id, data=facts, source=event.source)


async def _hear_of_marks(run: JobRun, event: ColumnsMarked) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        await cover_what_was_seen(tx, event.dataset_id, event.columns)


async def _unassign(run: JobRun, event: PersonLeft) -> None:
    async with transaction(run.resources.database, NOBODY) as tx:
        await tx.execute(_LEAVE, {"person": event.user_id, "org_id": event.org_id})


async def _open_checks(tx: AsyncSession, dataset_id: UUID) -> set[str]:
    query = select(IncidentRow.subject).where(
        IncidentRow.dataset_id == dataset_id, IncidentRow.kind == CHECK, IncidentRow.state != "resolved"
    )
    return set(await tx.scalars(query))


SUBSCRIPTIONS = (
    Subscription(ChecksRan, "incidents.checks", _hear_of_checks),
    Subscription(CheckDropped, "incidents.check_dropped", _hear_of_drop),
    Subscription(WatchEnded, "incidents.watch_ended", _hear_of_end),
    Subscription(QualityJudged, "incidents.judged", _hear_of_judgement),
    Subscription(AnomalyAnswered, "incidents.anomaly_answered", _hear_of_answer),
    Subscription(ColumnsMarked, "incidents.columns_marked", _hear_of_marks),
    Subscription(PersonLeft, "incidents.person_left", _unassign),
)
