"""Incidents as people take along what they did about them; and how they go with people and organisations."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text

from lyceum.accounts.privacy.public import Eraser, Exporter
from lyceum.data.incidents.models import (
    AlertIncidentRow,
    AlertRow,
    AlertRuleRow,
    IncidentEventRow,
    IncidentRow,
    IncidentSettingsRow,
)
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

_LEAVE = text("SELECT definer.incidents_of_person_leave(:person, NULL)")
_DID = text("SELECT did FROM definer.incidents_of_person() AS did")


async def _did(resources: Resources, user_id: UUID) -> AsyncIterator[dict[str, Any]]:
    async with transaction(resources.database, Scope(user_id=user_id), writes=False) as tx:
        found: list[dict[str, Any]] = list(await tx.scalars(_DID))
    for row in found:
        yield row


async def _of_person(resources: Resources, user_id: UUID) -> None:
    """Assign them nothing any more; what they said about an organisation's incidents stays with it."""
    async with transaction(resources.database, NOBODY) as tx:
        await tx.execute(_LEAVE, {"person": user_id})


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        for row in (
            AlertIncidentRow,
            AlertRow,
            AlertRuleRow,
            IncidentEventRow,
            IncidentRow,
            IncidentSettingsRow,
        ):
            await tx.execute(delete(row).where(row.org_id == org_id))


EXPORTERS = (Exporter("incidents.jsonl", "What you said and did about incidents, oldest first.", _did),)
ERASER = Eraser("incidents", of_person=_of_person, of_organisation=_of_organisation)
