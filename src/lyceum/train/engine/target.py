"""The target column: can it be predicted, and as what."""

import difflib
import math
import re
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from lyceum.serve.runtime.public import Label, Outcome, Task, Unreadable, number_from
from lyceum.train.engine.errors import TargetUnusable

_ROWS_MIN = 20
_CLASSES_MAX = 100
_INTEGER_CLASSES_MAX = 10
_TEXT_CLASSES_SHARE_MAX = 0.3
# a postcode or a part number: as an amount it would be written without the zero
_LEADING_ZERO = re.compile(r"\s*[+-]?0\d")


@dataclass(frozen=True, slots=True)
class Target:
    """A usable target.

    `values` [n] are class positions (int64) or numbers (float64) of the rows in `kept`, a mask over the table.
    `reason` says why the task was chosen, `notes` what was done to the rows.
    """

    name: str
    task: Task
    reason: str
    classes: tuple[Label, ...]
    values: npt.NDArray[Any]
    kept: npt.NDArray[np.bool_]
    notes: tuple[str, ...]


def read_target(frame: pl.DataFrame, name: str, *, task: Task | None = None) -> Target:
    """Type the target and infer its task; raises TargetUnusable with one sentence and what to do."""
    column = _target_column(frame, name)
    known = column.drop_nulls()
    if known.is_empty():
        raise TargetUnusable(
            "all_null", f"every value of the target {name!r} is missing", "choose another column as the target"
        )
    if len(known) < _ROWS_MIN:
        rows = "1 row has" if len(known) == 1 else f"{len(known)} rows have"
        raise TargetUnusable(
            "too_few_rows",
            f"only {rows} a value in the target {name!r}",
            f"give at least {_ROWS_MIN} such rows",
        )
    if known.n_unique() == 1:
        rows = "every row" if len(known) == len(column) else "every row that has a value"
        raise TargetUnusable(
            "constant",
            f"the target {name!r} is {known[0]!r} in {rows}",
            "choose a column with at least two different values",
        )
    notes = _null_note(name, len(column) - len(known))
    numbers = _as_numbers(known, name, amounts=task == "regression")
    inferred, reason = _infer(known, numbers, name) if task is None else (task, "as asked")
    if inferred == "regression":
        return _regression(column, numbers, name, reason, notes)
    return _classification(column, name, reason, notes, task)


def _target_column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        close = difflib.get_close_matches(name, frame.columns, n=1, cutoff=0.5)
        advice = (
            f"did you mean {close[0]!r}?" if close else f"the columns are {', '.join(map(repr, frame.columns[:12]))}"
        )
        raise TargetUnusable("missing_column", f"the table has no column {name!r}", advice)
    column = frame.get_column(name)
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if isinstance(column.dtype, pl.Decimal):
        column = column.cast(pl.Float64)
    if column.dtype.is_float():
        finite = column.is_finite()
        return pl.select(pl.when(finite).then(column).otherwise(None).alias(name)).to_series()
    if column.dtype == pl.Object:
        raise TargetUnusable(
            "mixed_type", f"the target {name!r} mixes values of several types", "make them all texts or all numbers"
        )
    if not (column.dtype.is_integer() or column.dtype in {pl.String, pl.Boolean, pl.Null}):
        raise TargetUnusable(
            "unsupported_type",
            f"the target {name!r} holds {column.dtype} values, which cannot be predicted",
            "choose a column of numbers, texts or true/false, or derive one (days until the date, for example)",
        )
    return column


def _null_note(name: str, nulls: int) -> tuple[str, ...]:
    if not nulls:
        return ()
    rows = "1 row without a value" if nulls == 1 else f"{nulls:,} rows without a value"
    return (f"{rows} in the target {name!r} left out",)


def _as_numbers(known: pl.Series, name: str, *, amounts: bool) -> npt.NDArray[np.float64] | None:
    """The target as numbers if it is numeric or numbers written as text; None for classes in words.

    Digits behind a leading zero are a word, unless `amounts` says that they are not.
    """
    if known.dtype == pl.Boolean:
        return None
    if known.dtype != pl.String:
        return known.cast(pl.Float64).to_numpy()
    distinct = known.unique(maintain_order=True).to_list()
    if not amounts and any(_LEADING_ZERO.match(text) for text in distinct):
        return None
    read = {text: _number_or_none(text) for text in distinct}
    words = [text for text, number in read.items() if number is None]
    if not words:
        return np.array([read[text] for text in known.to_list()], dtype=np.float64)
    if len(words) < len(distinct) - max(_INTEGER_CLASSES_MAX, 0.5 * len(distinct)):
        raise TargetUnusable(
            "mixed_type",
            f"the target {name!r} mixes {len(distinct) - len(words):,} different numbers with texts such as"
            f" {words[0]!r}",
            "empty those cells, or turn the numbers into classes",
        )
    return None


def _number_or_none(text: object) -> float | None:
    """The number, None for a word; what is too large for a float is a word too."""
    try:
        number = number_from(text)
    except Unreadable:
        return None
    return number if number is not None and math.isfinite(number) else None


def _infer(known: pl.Series, numbers: npt.NDArray[np.float64] | None, name: str) -> tuple[Task, str]:
    distinct = known.n_unique()
    if numbers is None:
        _refuse_unique_text(known, name)
        if distinct == 2:
            return "binary", f"{name!r} has two values"
        return "multiclass", f"{name!r} has {distinct} different values that are not numbers"
    if distinct == 2:
        return "binary", f"{name!r} has two values"
    if np.all(numbers == np.round(numbers)) and distinct <= _INTEGER_CLASSES_MAX:
        reason = (
            f"{name!r} has only {distinct} different whole numbers, so each is taken as a class"
            " (lyceum.fit with task='regression' takes them as amounts)"
        )
        return "multiclass", reason
    return "regression", f"{name!r} holds {distinct:,} different numbers"


def _refuse_unique_text(known: pl.Series, name: str) -> None:
    distinct = known.n_unique()
    if distinct == len(known):
        raise TargetUnusable(
            "unique_text",
            f"the target {name!r} holds a different text in every row",
            "choose a column whose values repeat, or a number",
        )
    if distinct > _CLASSES_MAX or distinct > _TEXT_CLASSES_SHARE_MAX * len(known) + 2:
        raise TargetUnusable(
            "too_many_classes",
            f"the target {name!r} holds {distinct:,} different texts in {len(known):,} rows, too many to learn each",
            f"choose a column with at most {_CLASSES_MAX} values, or group them",
        )


def _regression(
    column: pl.Series, numbers: npt.NDArray[np.float64] | None, name: str, reason: str, notes: tuple[str, ...]
) -> Target:
    if numbers is None and column.dtype == pl.Boolean:
        numbers = column.drop_nulls().cast(pl.Float64).to_numpy()
    if numbers is None:
        raise TargetUnusable(
            "not_numeric",
            f"the target {name!r} holds texts, so it is no regression",
            "leave the task out or ask for 'multiclass'",
        )
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        deviation = float(numbers.std())
    if not math.isfinite(deviation) or deviation == 0.0:
        size = "large" if deviation else "close together"
        raise TargetUnusable(
            "unsupported_type",
            f"the numbers of the target {name!r} are too {size} to compute with ({numbers.min():.4g} to"
            f" {numbers.max():.4g})",
            "give them in another unit, or their logarithms",
        )
    kept = column.is_not_null().to_numpy()
    return Target(name, "regression", reason, (), numbers, kept, notes)


def _classification(column: pl.Series, name: str, reason: str, notes: tuple[str, ...], asked: Task | None) -> Target:
    counts = column.drop_nulls().value_counts(sort=False).rows()
    single = sorted(str(value) for value, count in counts if count == 1)
    classes = _sorted_classes([value for value, count in counts if count > 1])
    if len(classes) < 2:
        raise TargetUnusable(
            "too_few_rows",
            f"fewer than two values of the target {name!r} occur in more than one row",
            "give more rows of each class",
        )
    if len(classes) > _CLASSES_MAX:
        raise TargetUnusable(
            "too_many_classes",
            f"the target {name!r} has {len(classes):,} classes",
            f"group them into at most {_CLASSES_MAX}",
        )
    if asked == "binary" and len(classes) != 2:
        raise TargetUnusable(
            "too_many_classes", f"the target {name!r} has {len(classes)} classes, not two", "ask for 'multiclass'"
        )
    if single:
        shown = ", ".join(single[:5]) + ("…" if len(single) > 5 else "")
        notes = (*notes, f"{len(single)} classes with a single row left out, one row teaches nothing: {shown}")
    positions = {value: position for position, value in enumerate(classes)}
    coded = np.array([positions.get(value, -1) for value in column.to_list()], dtype=np.int64)
    kept = coded >= 0
    task: Task = "binary" if len(classes) == 2 else "multiclass"
    return Target(name, task, reason, classes, coded[kept], kept, notes)


def _sorted_classes(values: list[Any]) -> tuple[Label, ...]:
    whole = all(isinstance(value, float) and value.is_integer() for value in values)
    return cast("tuple[Label, ...]", tuple(sorted(int(value) if whole else value for value in values)))


def truth_of(column: pl.Series, outcome: Outcome) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Class positions or numbers of a column that holds the target of a known model, and which rows have one."""
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if outcome.task == "regression":
        numbers = np.array([_number_or_none(value) for value in column.to_list()], dtype=np.float64)
        return numbers, np.isfinite(numbers)
    positions = {label: position for position, label in enumerate(outcome.classes)}
    coded = np.array([positions.get(value, -1) for value in column.to_list()], dtype=np.int64)
    return coded, coded >= 0
