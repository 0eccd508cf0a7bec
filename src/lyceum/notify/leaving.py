"""What people are told, and wish to be told, as they take it along; and how it goes with them and with organisations."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text

from lyceum.accounts.privacy.public import Eraser, Exporter
from lyceum.kernel.db import Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.notify.models import DestinationRow

_FORGET_PERSON = text("SELECT definer.notices_of_person_forget(:person, NULL)")
_FORGET_ORGANISATION = text("SELECT definer.notices_of_organisation_forget()")
_NOTICES = "SELECT to_jsonb(n) - 'collapse_key' FROM notices n WHERE n.user_id = :person ORDER BY n.id DESC"
_PREFERENCES = "SELECT to_jsonb(p) FROM notice_preferences p WHERE p.user_id = :person ORDER BY p.kind, p.channel"
_PACE = "SELECT to_jsonb(s) FROM notice_settings s WHERE s.user_id = :person"
_BROWSERS = "SELECT to_jsonb(b) - 'sealed' - 'endpoint_digest' FROM push_subscriptions b WHERE b.user_id = :person"


def _rows_of(statement: str) -> Callable[[Resources, UUID], AsyncIterator[dict[str, Any]]]:
    async def rows(resources: Resources, user_id: UUID) -> AsyncIterator[dict[str, Any]]:
        async with transaction(resources.database, Scope(user_id=user_id), writes=False) as tx:
            found: list[dict[str, Any]] = list(await tx.scalars(text(statement), {"person": user_id}))
        for row in found:
            yield row

    return rows


async def _of_person(resources: Resources, user_id: UUID) -> None:
    async with transaction(resources.database, Scope(user_id=user_id)) as tx:
        await tx.execute(_FORGET_PERSON, {"person": user_id})


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    """Remove its destinations, and what anybody was told of it."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        await tx.execute(delete(DestinationRow).where(DestinationRow.org_id == org_id))
        await tx.execute(_FORGET_ORGANISATION)


EXPORTERS: tuple[Exporter, ...] = (
    Exporter("notices.jsonl", "What you were told, newest first.", _rows_of(_NOTICES)),
    Exporter("notice_preferences.jsonl", "Which notices you want, and how.", _rows_of(_PREFERENCES)),
    Exporter("notice_settings.jsonl", "How often you want mail.", _rows_of(_PACE)),
    Exporter("push_subscriptions.jsonl", "Browsers that notices are pushed to.", _rows_of(_BROWSERS)),
)
ERASER = Eraser("notices", of_person=_of_person, of_organisation=_of_organisation)
