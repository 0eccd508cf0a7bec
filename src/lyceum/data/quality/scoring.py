"""The data-quality score of a dataset: one formula over what its checks found last, with every term shown."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.public import DatasetStanding, dataset_ref_for, latest_version_of, version_cards
from lyceum.data.quality.definitions import CHECKS_PER_DATASET_MAX
from lyceum.data.quality.models import CheckResultRow, CheckRow, CheckRunRow, DatasetQualityRow
from lyceum.data.quality.schemas import DatasetQuality, DimensionScore, ScoreTerm

FORMULA = (
    "score = 100 · Σ(weight · credit) / Σ(weight), over the newest result of each check on the version. The weight is 3 for "
    "a check of severity error and 1 for a warning. The credit is 1 for a check that passed, half the share of rows that "
    "hold for one that failed by its rows, and 0 for one that failed otherwise or could not be run. Skipped checks are left out."
)
WEIGHTS = {"error": 3, "warning": 1}
DIMENSIONS = {
    "not_null": "completeness",
    "completeness": "completeness",
    "unique": "uniqueness",
    "primary_key": "uniqueness",
    "referential": "consistency",
    "cross_column": "consistency",
    "conditional": "consistency",
    "expression": "consistency",
    "sql": "consistency",
    "monotonic": "consistency",
    "freshness": "timeliness",
    "row_count": "volume",
    "volume": "volume",
    "drift": "stability",
    "statistic": "stability",
    "outliers": "stability",
}
"""What a kind of check tells of; of the others, whether values are valid."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The newest result of a check."""

    check_id: UUID
    definition: dict[str, Any]
    result: dict[str, Any]


async def quality_for(tx: AsyncSession, who: Actor, org: str, name: str) -> DatasetQuality:
    """Return a dataset's score with its terms, of the version whose checks ran last; raises `DatasetNotFound`."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    row = await tx.get(DatasetQualityRow, dataset.id)
    run = await tx.get(CheckRunRow, row.check_run_id) if row is not None else None
    terms = await _terms(tx, dataset.id, run.version_id) if run is not None else []
    cards = await version_cards(tx, [run.version_id] if run is not None else [])
    return DatasetQuality(
        score=_score(terms),
        formula=FORMULA,
        state=row.state if row is not None else None,
        version=cards[run.version_id].number if run is not None else None,
        check_run_id=run.id if run is not None else None,
        judged_at=row.judged_at if row is not None else None,
        terms=terms,
        dimensions=[
            DimensionScore(dimension=each, score=score)
            for each in sorted({term.dimension for term in terms})
            if (score := _score([term for term in terms if term.dimension == each])) is not None
        ],
    )


async def judge(tx: AsyncSession, run: CheckRunRow, dataset_id: UUID) -> None:
    """Keep how the dataset stands after a run that has ended, unless a newer version is there.

    `tx` works for the dataset's organisation. Done again it changes nothing.
    """
    latest = await latest_version_of(tx, dataset_id)
    if latest is None or latest.version_id != run.version_id:
        return
    terms = await _terms(tx, dataset_id, run.version_id)
    refused = any(term.refuses and term.status in {"failed", "errored"} for term in terms)
    state = "errored" if run.state == "errored" else "failed" if refused else "passed"
    values = {
        "org_id": run.org_id,
        "check_run_id": run.id,
        "state": state,
        "score": _score(terms),
        "judged_at": run.finished_at or datetime.now(UTC),
    }
    statement = insert(DatasetQualityRow).values(dataset_id=dataset_id, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["dataset_id"], set_=values))


async def standings(tx: AsyncSession, dataset_ids: Collection[UUID]) -> Mapping[UUID, DatasetStanding]:
    """Return how datasets stand whose checks have run, as far as they are seen: one query."""
    row = DatasetQualityRow
    found = await tx.execute(
        select(row.dataset_id, row.state, row.score, row.judged_at).where(row.dataset_id.in_(list(dataset_ids)))
    )
    return {each.dataset_id: DatasetStanding(each.state, each.score, each.judged_at) for each in found}


async def _terms(tx: AsyncSession, dataset_id: UUID, version_id: UUID) -> list[ScoreTerm]:
    newest = (
        select(
            func.jsonb_build_object(
                *("status", CheckResultRow.result["status"]),
                *("failing_fraction", CheckResultRow.result["failing_fraction"]),
                *("check", CheckResultRow.result["check"]),
            ).label("result")
        )
        .join(CheckRunRow, CheckRunRow.id == CheckResultRow.check_run_id)
        .where(CheckResultRow.check_id == CheckRow.id, CheckRunRow.version_id == version_id)
        .order_by(CheckResultRow.id.desc())
        .limit(1)
        .lateral()
    )
    query = (
        select(CheckRow.id, CheckRow.definition, newest.c.result)
        .join(newest, true())
        .where(CheckRow.dataset_id == dataset_id, CheckRow.archived_at.is_(None), CheckRow.enabled)
        .order_by(CheckRow.id)
        .limit(CHECKS_PER_DATASET_MAX)
    )
    return [_term(_Found(row.id, row.definition, row.result)) for row in await tx.execute(query)]


def _term(found: _Found) -> ScoreTerm:
    asked, result = found.result["check"], found.result
    severity = asked.get("severity", "error")
    blocking = asked.get("blocking")
    return ScoreTerm(
        check_id=found.check_id,
        name=str(found.definition.get("id", found.check_id)),
        dimension=DIMENSIONS.get(asked.get("kind", ""), "validity"),
        severity=severity,
        refuses=severity == "error" if blocking is None else blocking,
        status=result["status"],
        weight=0 if result["status"] == "skipped" else WEIGHTS[severity],
        credit=_credit(asked, result["status"], result["failing_fraction"]),
    )


def _credit(asked: dict[str, Any], status: str, failing_fraction: float) -> float:
    if status == "passed":
        return 1.0
    by_rows = "at_most_failing" in asked
    return round(0.5 * (1 - failing_fraction), 4) if status == "failed" and by_rows else 0.0


def _score(terms: Sequence[ScoreTerm]) -> float | None:
    """Return the score of 100, None where nothing was judged."""
    weight = sum(term.weight for term in terms)
    return round(100 * sum(term.weight * term.credit for term in terms) / weight, 2) if weight else None
