"""Erasing a person from what incidents say."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.personal.public import ErasedPerson
from lyceum.data.incidents.models import IncidentEventRow, IncidentRow
from lyceum.kernel.resources import Resources

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


def _ids_in(evidence: dict[str, Any]) -> dict[str, Any]:
    return {name: told for name, told in evidence.items() if name.endswith("_id")}
