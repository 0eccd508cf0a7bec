"""Judging a model's newest predictions against what it saw in training, in a process of its own."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from lyceum.data.datasets.rows.public import scan_unmasked
from lyceum.data.quality.engine.public import (
    Check,
    CheckReport,
    CheckResult,
    Drift,
    InSet,
    NotNull,
    Reference,
    Surroundings,
    reference_from_bytes,
    run_checks,
)
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage
from lyceum.serve.watching.tables import LogTable
from lyceum.serve.watching.work import Aspect, Finding, Judging, Moved, Verdict

WINDOW_ROWS_MAX = 5_000
WINDOW_DAYS = 7
ROWS_MIN = 200
"""Fewer say little of a distribution."""
PSI_AT_MOST = 0.2
"""From here on a shift is usually called significant; below 0.1, none."""
MORE_MISSING_AT_MOST = 0.05
UNSEEN_AT_MOST = 0.02
REFERENCE = "training"


def judge(work: Judging, side: ChildSide) -> Verdict:
    """Return what the newest predictions of a model version are like beside its training."""
    del side
    if work.delta_version is None:
        return Verdict(rows=0, first_at=None, last_at=None, findings=())
    storage = open_storage(settings())
    table = LogTable.of(work.signature)
    reference = None
    if work.reference_path is not None:
        reference = reference_from_bytes(asyncio.run(storage.read(work.reference_path)))
    rows = scan_unmasked(storage, work.table_key, work.delta_version)
    return verdict_on(window_of(rows, table, work.version_number), table, reference, masked=frozenset(work.masked))


def window_of(rows: pl.LazyFrame, table: LogTable, version_number: int, *, now: datetime | None = None) -> pl.DataFrame:
    """Return a version's newest rows: of the last days, and not more than tell a shift well."""
    since = (now or datetime.now(UTC)) - timedelta(days=WINDOW_DAYS)
    own = rows.filter(pl.col(table.predicted_at) >= since, pl.col(table.model_version) == version_number)
    return own.tail(WINDOW_ROWS_MAX).collect(engine="streaming")


def verdict_on(
    window: pl.DataFrame, table: LogTable, reference: Reference | None, *, masked: frozenset[str] = frozenset()
) -> Verdict:
    """Return the verdict on some rows of a prediction log; without a reference, and of few rows, little is told.

    No value of the columns in `masked` is in it.
    """
    findings: tuple[Finding, ...]
    if reference is None:
        findings = _skipped("The model was made without a record of what it saw; train it again to have it compared.")
    elif window.height < ROWS_MIN:
        findings = _skipped(f"{window.height:,} predictions are too few to tell by; {ROWS_MIN:,} are needed.")
    else:
        findings = _findings(window, table, reference, masked)
    moments = window.get_column(table.predicted_at)
    return Verdict(
        rows=window.height, first_at=_moment(moments.min()), last_at=_moment(moments.max()), findings=findings
    )


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _skipped(why: str) -> tuple[Finding, ...]:
    aspects: tuple[Aspect, ...] = ("missing", "unseen", "inputs", "answers")
    return tuple(Finding(aspect=aspect, status="skipped", title="", sentence=why) for aspect in aspects)


def _findings(
    window: pl.DataFrame, table: LogTable, reference: Reference, masked: frozenset[str]
) -> tuple[Finding, ...]:
    checks = _checks(table, reference)
    together = [check for checked in checks.values() for check in checked]
    report = run_checks(
        window.lazy(), together, sample_rows_max=0, around=Surroundings(references={REFERENCE: reference})
    )
    return tuple(_finding(aspect, _results(report, checked), masked) for aspect, checked in checks.items())


def _checks(table: LogTable, reference: Reference) -> dict[Aspect, tuple[Check, ...]]:
    known = reference.columns
    inputs = [name for name in table.compared_inputs if name in known]
    texts = [name for name, kind in table.inputs if kind == "category" and name in known]
    return {
        "missing": tuple(
            NotNull(
                id=f"{name}.missing",
                column=name,
                at_most_failing=min(1.0, known[name].missing / max(1, reference.rows) + MORE_MISSING_AT_MOST),
            )
            for name in inputs
        ),
        # where training knew more texts than were kept, any may have been among them
        "unseen": tuple(
            InSet(
                id=f"{name}.unseen", column=name, values=tuple(known[name].categories), at_most_failing=UNSEEN_AT_MOST
            )
            for name in texts
            if known[name].categories and not known[name].rare
        ),
        "inputs": _drift("inputs", [name for name in inputs if known[name].values]),
        "answers": _drift("answers", [name for name, _ in table.outputs if name in known]),
    }


def _drift(of: str, columns: Iterable[str]) -> tuple[Check, ...]:
    names = tuple(columns)
    if not names:
        return ()
    return (Drift(id=f"{of}.drift", columns=names, at_most=PSI_AT_MOST, reference=REFERENCE, rows_min=ROWS_MIN),)


def _results(report: CheckReport, checks: Iterable[Check]) -> list[CheckResult]:
    wanted = {check.id for check in checks}
    return [result for result in report.results if result.check.id in wanted]


def _title(aspect: Aspect, moved: Sequence[Moved]) -> str:
    if aspect == "answers":
        return "The answers have moved since training"
    first, others = moved[0].column, len(moved) - 1
    return _title_of_one(aspect, first) if not others else _title_of_several(aspect, first, others)


def _title_of_one(aspect: Aspect, column: str) -> str:
    if aspect == "missing":
        return f"{column} is missing more often than in training"
    if aspect == "unseen":
        return f"{column} has values that training did not know"
    return f"{column} has moved since training"


def _title_of_several(aspect: Aspect, first: str, others: int) -> str:
    if aspect == "missing":
        return f"{first} and {others:,} more inputs are missing more often than in training"
    if aspect == "unseen":
        return f"{first} and {others:,} more inputs have values that training did not know"
    return f"{first} and {others:,} more inputs have moved since training"


def _finding(aspect: Aspect, results: list[CheckResult], masked: frozenset[str]) -> Finding:
    told = [result for result in results if result.status in {"passed", "failed"}]
    if not told:
        why = results[0].sentence if results else "There is nothing of this kind to compare."
        return Finding(aspect=aspect, status="skipped", title="", sentence=why)
    moved = sorted(_moved(results), key=lambda one: one.figure, reverse=True)
    failed = [result for result in told if result.status == "failed"]
    worst = max(failed or told, key=lambda result: result.failing_fraction)
    if not moved:
        return Finding(aspect=aspect, status="passed", title="", sentence=_said(worst, masked))
    return Finding(
        aspect=aspect, status="failed", title=_title(aspect, moved), sentence=_said(worst, masked), moved=tuple(moved)
    )


def _said(result: CheckResult, masked: frozenset[str]) -> str:
    """Return the sentence of a result; that of a set names its values, which were training's."""
    check = result.check
    if not isinstance(check, InSet) or check.column not in masked:
        return result.sentence
    return f"{result.failing:,} of {result.rows_checked:,} values of {check.column} were not known in training."


def _moved(results: Iterable[CheckResult]) -> list[Moved]:
    found = []
    for result in results:
        if result.status != "failed":
            continue
        check = result.check
        if isinstance(check, Drift):
            effects = {name: (result.metrics or {}).get(f"psi.{name}", 0.0) for name in check.columns}
            chances = {name: (result.metrics or {}).get(f"q_value.{name}", 0.0) for name in check.columns}
            found += [
                Moved(column=name, figure=effect, at_most=PSI_AT_MOST)
                for name, effect in effects.items()
                if effect > check.at_most and chances[name] <= check.false_discovery_rate
            ]
        elif isinstance(check, NotNull | InSet):
            found.append(Moved(column=check.column, figure=result.failing_fraction, at_most=check.at_most_failing))
    return found
