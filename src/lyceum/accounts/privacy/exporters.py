"""What accounts and the modules above give out of a person's data, all by one audited function."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from lyceum.accounts.audit.public import list_audit_of_person
from lyceum.accounts.privacy.providers import Exporter, Rows
from lyceum.kernel.db import Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

PAGE_ROWS = 500
PREDICTION_PAGE_ROWS = 10_000

_DATA = text("SELECT d.data FROM definer.person_data(:kind) AS d (data)")
_PREDICTIONS = text("SELECT * FROM definer.person_predictions(:after_at, :at_most)")


def rows_of_kind(kind: str) -> Callable[[Resources, UUID], Rows]:
    """Return what reads one kind of things of a person."""

    async def rows(resources: Resources, user_id: UUID) -> Rows:
        async with transaction(resources.database, Scope(user_id=user_id), writes=False) as tx:
            found: list[dict[str, Any]] = list(await tx.scalars(_DATA, {"kind": kind}))
        for row in found:
            yield row

    return rows


async def _audit(resources: Resources, user_id: UUID) -> Rows:
    before: UUID | None = None
    while True:
        async with transaction(resources.database, Scope(user_id=user_id), writes=False) as tx:
            page = await list_audit_of_person(tx, limit=PAGE_ROWS, before=before)
        for entry in page:
            yield entry.model_dump(mode="json")
        if len(page) < PAGE_ROWS:
            return
        before = page[-1].id


async def _predictions(resources: Resources, user_id: UUID) -> Rows:
    after = datetime(1970, 1, 1, tzinfo=UTC)
    while True:
        async with transaction(resources.database, Scope(user_id=user_id), writes=False) as tx:
            page = (await tx.execute(_PREDICTIONS, {"after_at": after, "at_most": PREDICTION_PAGE_ROWS})).all()
        for row in page:
            yield dict(row._mapping)  # noqa: SLF001 its public name
        if len(page) < PREDICTION_PAGE_ROWS:
            return
        after = page[-1].at


EXPORTERS: tuple[Exporter, ...] = (
    Exporter("profile.jsonl", "Your account.", rows_of_kind("profile")),
    Exporter(
        "organisations.jsonl", "The organisations you are in, and your role there.", rows_of_kind("organisations")
    ),
    Exporter("groups.jsonl", "The groups you are in.", rows_of_kind("groups")),
    Exporter("grants.jsonl", "Objects that were shared with you.", rows_of_kind("grants")),
    Exporter("access_requests.jsonl", "What you asked to be given access to.", rows_of_kind("access_requests")),
    Exporter("invitations.jsonl", "Invitations you sent, or were sent.", rows_of_kind("invitations")),
    Exporter("api_keys.jsonl", "Your API keys, without what they are sent as.", rows_of_kind("api_keys")),
    Exporter("sessions.jsonl", "Where you were signed in.", rows_of_kind("sessions")),
    Exporter(
        "second_factors.jsonl",
        "Your second factors and recovery codes, without what they are shown by.",
        rows_of_kind("second_factors"),
    ),
    Exporter(
        "sign_ons.jsonl", "Where else you sign in from, and what your groups there gave.", rows_of_kind("sign_ons")
    ),
    Exporter("programs.jsonl", "Your sign-ins at other programs through this hub.", rows_of_kind("programs")),
    Exporter("consents.jsonl", "Programs you let know who you are.", rows_of_kind("consents")),
    Exporter("audit.jsonl", "What you did, newest first.", _audit),
    Exporter("acted_as.jsonl", "When an administrator acted as you, and why.", rows_of_kind("acted_as")),
    Exporter("datasets.jsonl", "Datasets you made.", rows_of_kind("datasets")),
    Exporter("dataset_versions.jsonl", "Versions of datasets you added.", rows_of_kind("dataset_versions")),
    Exporter("uploads.jsonl", "Files you sent.", rows_of_kind("uploads")),
    Exporter("runs.jsonl", "Trainings you started.", rows_of_kind("runs")),
    Exporter("models.jsonl", "Models you made.", rows_of_kind("models")),
    Exporter("predictions.jsonl", "Rows your keys sent to be predicted, as long as they are kept.", _predictions),
)
