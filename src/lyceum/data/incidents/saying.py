"""Incidents as notices."""

from collections.abc import Mapping, Sequence
from functools import reduce
from uuid import UUID

from lyceum.data.incidents.models import IncidentRow
from lyceum.data.incidents.seeing import worse
from lyceum.notify.public import Incident, IncidentOver, Incidents, Notice

_NAMES_TOLD_MAX = 3


def single_notice(row: IncidentRow, address: str) -> Incident:
    """Return what is told of one incident."""
    return Incident(about=about(row, address), summary=row.summary, path=path_of(row.id), level=row.severity)


def over_notice(row: IncidentRow, address: str) -> IncidentOver:
    """Return what is told when one is over."""
    return IncidentOver(about=about(row, address), path=path_of(row.id))


def told_together(rows: Sequence[IncidentRow], addresses: Mapping[UUID, str]) -> Notice:
    """Return what is told of one incident or of several, the newest of which comes first."""
    if len(rows) == 1:
        return single_notice(rows[0], addresses.get(rows[0].dataset_id, "?"))
    named = list(dict.fromkeys(addresses.get(row.dataset_id, "?") for row in rows))
    datasets = ", ".join(named[:_NAMES_TOLD_MAX]) + (" …" if len(named) > _NAMES_TOLD_MAX else "")
    path = f"/incidents?dataset={named[0]}" if len(named) == 1 else "/incidents"
    level = reduce(worse, (row.severity for row in rows))
    return Incidents(about=datasets, incidents=len(rows), summary=rows[0].summary, path=path, level=level)


def path_of(incident_id: UUID) -> str:
    """Return where an incident stands in the web app."""
    return f"/incidents/{incident_id}"


def about(row: IncidentRow, address: str) -> str:
    """Return what an incident is about: the dataset, and what was seen of it."""
    return f"{address}, {row.title}" + (f" ({row.part})" if row.part else "")
