"""From a table to the matrix that is learned from: target, columns, encoder, folds, in a part of the time limit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from lyceum.serve.runtime.public import Task, TypedFrame, read_frame
from lyceum.train.engine.clock import Clock
from lyceum.train.engine.columns import ColumnPlan, plan_columns, require_known, row_numbers
from lyceum.train.engine.encode import Encoder, fit_encoder
from lyceum.train.engine.errors import TableUnusable
from lyceum.train.engine.folds import make_folds, thinned_rows
from lyceum.train.engine.leakage import ColumnAlone, columns_alone
from lyceum.train.engine.members.member import Problem
from lyceum.train.engine.metrics import metric_for
from lyceum.train.engine.search import Material
from lyceum.train.engine.table import read_table
from lyceum.train.engine.target import Target, read_target

_PLANNING_SHARE = 0.12
_PLANNING_SECONDS_MIN = 1.0
_ALONE_SHARE = 0.08
_ALONE_SECONDS_MIN = 0.3
# what one second of the limit has room for: of more, even the first boosting rounds would overrun it
_CELLS_A_SECOND = 250_000
_CELLS_MIN = 1_000_000
# of a taller table rows go before columns: with those left out, there is time for rounds that teach more
_ROWS_ENOUGH = 50_000
_NO_ROOM = "the time limit has no room for so many columns, and by itself this one says less than those learned from"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller of `fit` wants."""

    target: str
    task: Task | None
    metric: str | None
    seed: int
    time_limit_seconds: float
    leave_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A table ready for the search. `alone` is what each column says by itself, best first."""

    target: Target
    plan: ColumnPlan
    typed: TypedFrame
    encoder: Encoder
    material: Material
    alone: Sequence[ColumnAlone] = ()
    notes: tuple[str, ...] = ()


def prepare(df: object, asked: Asked, clock: Clock) -> Prepared:
    """Read the table; raises TargetUnusable, TableUnusable, TrainingCancelled, and ValueError as `fit` does.

    Of a table that is too large for the time limit, an even part of the rows is read, though never fewer than 50,000;
    where even these are too wide, the columns that say most by themselves are kept.
    """
    table, mixed = read_table(df, target=asked.target)
    read = read_target(table, asked.target, task=asked.task)
    chosen_metric, seed = metric_for(read.task, asked.metric), asked.seed
    plan, frame = _planned(table, read, mixed, asked, clock)
    cells_max = int(max(_CELLS_MIN, _CELLS_A_SECOND * asked.time_limit_seconds))
    frame, truth, notes = _thinned(frame, plan, read, cells_max, seed)
    typed = read_frame(frame, plan.prestep, before_column=clock.raise_if_cancelled)
    encoder = fit_encoder(typed, plan.prestep)
    regression = read.task == "regression"
    mean = float(read.values.mean()) if regression else 0.0
    deviation = float(read.values.std()) if regression else 1.0
    problem = Problem(read.task, max(len(read.classes), 1), encoder.category_features, chosen_metric.name, seed)
    material = Material(
        x=encoder.matrix(typed),
        y=(truth - mean) / deviation if regression else truth,
        truth=truth,
        folds=make_folds(truth, stratify=not regression, seed=seed),
        problem=problem,
        metric=chosen_metric,
        mean=mean,
        deviation=deviation,
    )
    clock.raise_if_cancelled()
    looked_at = _looked_at(Prepared(read, plan, typed, encoder, material, notes=notes), asked, clock)
    return _narrowed(looked_at, cells_max // min(_rows_max(plan, cells_max), len(frame)))


def _planned(
    table: pl.DataFrame, read: Target, mixed: Mapping[str, str], asked: Asked, clock: Clock
) -> tuple[ColumnPlan, pl.DataFrame]:
    """What is learned from, and the rows that have a target."""
    target = asked.target
    require_known(list(asked.leave_out), [*table.columns, *mixed], target=target)
    end = clock.in_seconds(max(_PLANNING_SECONDS_MIN, _PLANNING_SHARE * asked.time_limit_seconds))

    def may_go_on() -> bool:
        clock.raise_if_cancelled()
        return clock.in_seconds(0.0) < end

    frame = table.filter(pl.Series(read.kept))
    # asked of all rows: those without a target left gaps in what numbered them
    leave_out = {**row_numbers(table.drop(target)), **asked.leave_out}
    plan = plan_columns(frame, target=target, leave_out=leave_out, may_go_on=may_go_on)
    plan = replace(plan, left_out={**plan.left_out, **mixed})
    if not plan.prestep.columns:
        reasons = "; ".join(f"{column}: {reason}" for column, reason in plan.left_out.items())
        if not reasons:
            raise TableUnusable(f"the table has no column beside the target {target!r}; add columns to learn from")
        raise TableUnusable(f"no column beside the target {target!r} can be learned from ({reasons})")
    return plan, frame


def _rows_max(plan: ColumnPlan, cells_max: int) -> int:
    # a category column may become two features: its codes and their frequencies
    features_max = len(plan.prestep.number_sources) + 2 * len(plan.prestep.category_columns)
    return max(_ROWS_ENOUGH, cells_max // features_max)


def _thinned(
    frame: pl.DataFrame, plan: ColumnPlan, read: Target, cells_max: int, seed: int
) -> tuple[pl.DataFrame, npt.NDArray[Any], tuple[str, ...]]:
    """The rows that there is time for, with their target and what to say of the others."""
    rows_max = _rows_max(plan, cells_max)
    if frame.height <= rows_max:
        return frame, read.values, ()
    kept = thinned_rows(read.values, rows_max, stratify=read.task != "regression", seed=seed)
    note = f"the time limit has room for {len(kept):,} of {frame.height:,} rows, which were drawn evenly"
    return frame.select(column.name for column in plan.prestep.columns)[kept], read.values[kept], (note,)


def _looked_at(prepared: Prepared, asked: Asked, clock: Clock) -> Prepared:
    material, sources = prepared.material, prepared.encoder.sources
    limit = clock.limit(clock.in_seconds(max(_ALONE_SECONDS_MIN, _ALONE_SHARE * asked.time_limit_seconds)))
    alone = columns_alone(material.x, material.truth, sources, material.problem, material.metric, limit)
    clock.raise_if_cancelled()
    columns = len(set(sources))
    if len(alone) == columns:
        return replace(prepared, alone=alone)
    note = f"only {len(alone):,} of {columns:,} columns were looked at for leakage in the time given"
    return replace(prepared, alone=alone, notes=(*prepared.notes, note))


def _narrowed(prepared: Prepared, features_max: int) -> Prepared:
    """The columns that say most by themselves, as many as make `features_max` features; one at least."""
    encoder, typed, material = prepared.encoder, prepared.typed, prepared.material
    sources = encoder.sources
    if len(sources) <= features_max:
        return prepared
    best_first = dict.fromkeys([*(entry.column for entry in prepared.alone), *sources])
    features_of = Counter(sources)
    kept: set[str] = set()
    features = 0
    for column in best_first:
        features += features_of[column]
        if kept and features > features_max:
            break
        kept.add(column)
    numbers = [source in kept for source in encoder.prestep.number_sources]
    of_kept = [column.name in kept for column in encoder.prestep.category_columns]
    prestep = msgspec.structs.replace(
        encoder.prestep, columns=tuple(column for column in encoder.prestep.columns if column.name in kept)
    )
    narrow = Encoder(
        prestep,
        encoder.centers[numbers],
        tuple(c for c, is_kept in zip(encoder.categories, of_kept, strict=True) if is_kept),
    )
    texts = tuple(series for series, is_kept in zip(typed.categories, of_kept, strict=True) if is_kept)
    left_out = {column: _NO_ROOM for column in best_first if column not in kept}
    return replace(
        prepared,
        plan=ColumnPlan(prestep, {**prepared.plan.left_out, **left_out}),
        typed=TypedFrame(np.ascontiguousarray(typed.numbers[:, numbers]), texts, typed.missing_text),
        encoder=narrow,
        material=replace(
            material,
            x=np.ascontiguousarray(material.x[:, [source in kept for source in sources]]),
            problem=replace(material.problem, category_features=narrow.category_features),
        ),
        alone=[entry for entry in prepared.alone if entry.column in kept],
    )
