"""The judge that has blocking checks run on a version before it is committed, and keeps what they found."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import (
    DatasetRef,
    Judgement,
    VersionJudge,
    dataset_of_version,
    marks_of_dataset,
    version_table_at,
)
from lyceum.data.quality import compared
from lyceum.data.quality.events import ChecksRan, QualityJudged
from lyceum.data.quality.jobs import add_results
from lyceum.data.quality.models import CheckRunRow
from lyceum.data.quality.queries import blocking_check_rows
from lyceum.data.quality.work import CheckedTable, ChecksToRun, TableAt
from lyceum.kernel.events import publish
from lyceum.kernel.problems import Invalid, NotFound

CHECK = "check"
"""The kind that incidents know checks by: whether one held back a version or failed on one that was accepted is one trouble."""


async def _ask(tx: AsyncSession, version_id: UUID) -> dict[str, Any] | None:
    """Return the dataset's blocking checks and where the tables lie that they compare with; None where there are none."""
    dataset = await dataset_of_version(tx, version_id)
    checks = await blocking_check_rows(tx, dataset.id)
    if not checks:
        return None
    definitions = [row.definition for row in checks]
    work = ChecksToRun(
        check_ids=[row.id for row in checks],
        definitions=definitions,
        references=await compared.references(tx, version_id, definitions),
        others=await _tables_looked_up(tx, dataset.org_id, definitions),
        marks=dict(await marks_of_dataset(tx, dataset.id)),
    )
    asked: dict[str, Any] = msgspec.to_builtins(work)
    return asked


async def _tables_looked_up(tx: AsyncSession, org_id: UUID, definitions: list[dict[str, Any]]) -> dict[str, TableAt]:
    """Return the datasets that keys are looked up in, of the organisation's own and those that are shown to all."""
    found: dict[str, TableAt] = {}
    for address in compared.looked_up_in(definitions):
        try:
            found[address] = compared.looked_up_at(await version_table_at(tx, address), org_id)
        except (Invalid, NotFound):
            # the check says so in its result
            continue
    return found


async def _keep(tx: AsyncSession, version_id: UUID, judgement: Judgement) -> Mapping[str, Any]:
    """Keep a check run with its results; of a version that is held back, tell of each check that did it."""
    dataset = await dataset_of_version(tx, version_id)
    found = msgspec.convert(judgement.found, CheckedTable)
    run = CheckRunRow(
        org_id=dataset.org_id,
        version_id=version_id,
        origin="blocking",
        state="passed" if judgement.refusal is None else "failed",
        finished_at=datetime.now(UTC),
    )
    tx.add(run)
    await tx.flush()
    add_results(tx, run, found)
    await tx.flush()
    if judgement.refusal is None:
        await publish(tx, ChecksRan(check_run_id=run.id))
    else:
        await _tell(tx, dataset, run, found, {one["check_id"] for one in judgement.refusal["checks"]})
    return {"check_run_id": str(run.id)}


async def _tell(tx: AsyncSession, dataset: DatasetRef, run: CheckRunRow, found: CheckedTable, bad: set[str]) -> None:
    for check_id, result in zip(found.check_ids, found.results, strict=True):
        if str(check_id) not in bad:
            continue
        event = QualityJudged(
            dataset_id=dataset.id,
            kind=CHECK,
            subject=str(check_id),
            source=f"check_run:{run.id}:{check_id}",
            judged_at=run.finished_at or datetime.now(UTC),
            holds=False,
            severity="warning" if result["check"].get("severity") == "warning" else "critical",
            title=str(result["check"]["id"]),
            summary=str(result["sentence"]),
            version_id=run.version_id,
            evidence={
                "check_run_id": str(run.id),
                "check_id": str(check_id),
                "rows_checked": result["rows_checked"],
                "failing": result["failing"],
                "held_back": True,
            },
        )
        await publish(tx, event)


JUDGE = VersionJudge("checks", ask=_ask, compute="lyceum.data.quality.judged:judge", keep=_keep)
