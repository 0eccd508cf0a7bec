"""Erasing a person from what incidents say, and what columns hold that are marked later."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.personal.public import ErasedPerson
from lyceum.data.incidents.models import IncidentEventRow, IncidentRow
from lyceum.data.incidents.seeing import CHECK
from lyceum.data.quality.public import checks_telling_of
from lyceum.kernel.resources import Resources

COVERED = "What was seen is covered, since it tells of a column that is masked now."
ERASED = "What was seen is gone, since somebody was erased from this version."


async def forget_what_was_seen(tx: AsyncSession, resources: Resources, person: ErasedPerson) -> None:
    """Remove sentences and figures that were taken from versions the person was in; which, when and how grave stay."""
    del resources
    gone = {str(version_id) for version_id in person.version_ids}
    if not gone:
        return
    of_dataset = IncidentRow.dataset_id == person.dataset_id
    for row in await tx.scalars(select(IncidentRow).where(of_dataset)):
        if str(row.version_id) in gone:
            row.summary, row.evidence = ERASED, _ids_in(row.evidence)
    events = select(IncidentEventRow).join(IncidentRow, IncidentRow.id == IncidentEventRow.incident_id)
    versions = IncidentEventRow.data["version_id"].astext
    for line in await tx.scalars(events.where(of_dataset, versions.in_(gone))):
        line.data = {**line.data, "summary": ERASED, "evidence": _ids_in(line.data.get("evidence") or {})}
    await tx.flush()


async def cover_what_was_seen(tx: AsyncSession, dataset_id: UUID, columns: Collection[str]) -> None:
    """Cover sentences and figures that may tell values of columns that are marked from now on."""
    telling = {str(check_id) for check_id in await checks_telling_of(tx, dataset_id, columns)}

    def tells(incident: IncidentRow, summary: str) -> bool:
        if incident.kind == CHECK:
            return incident.subject in telling
        return any(name in summary for name in columns)

    of_dataset = IncidentRow.dataset_id == dataset_id
    for row in await tx.scalars(select(IncidentRow).where(of_dataset)):
        if tells(row, row.summary):
            row.summary, row.evidence = COVERED, _ids_in(row.evidence)
    events = select(IncidentEventRow, IncidentRow).join(IncidentRow, IncidentRow.id == IncidentEventRow.incident_id)
    told = IncidentEventRow.data["summary"].astext.is_not(None)
    for line, row in await tx.execute(events.where(of_dataset, told)):
        if tells(row, str(line.data["summary"])):
            line.data = {**line.data, "summary": COVERED, "evidence": _ids_in(line.data.get("evidence") or {})}
    await tx.flush()


def _ids_in(evidence: dict[str, Any]) -> dict[str, Any]:
    return {name: told for name, told in evidence.items() if name.endswith("_id")}
