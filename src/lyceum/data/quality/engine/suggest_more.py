"""Suggestions of what texts look like, of the order and age of rows, and of what changes from version to version."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.checks import Check, Drift, Freshness, Length, Monotonic, Regex, Volume
from lyceum.data.quality.engine.profile import ColumnProfile, TableProfile
from lyceum.data.quality.engine.text_patterns import PATTERNS

ROWS_MIN = 50
"""With fewer rows nothing of this is concluded."""
DRIFT_ROWS_MIN = 1_000
DRIFT_COLUMNS_MAX = 5
NEARLY_ALL_MIN = 0.98
FRESH_WITHIN = timedelta(days=2)
"""How old the newest time may be for a table to be taken as one that is kept up."""
LENGTH_MAX = 64
CATEGORIES_MAX = 20
"""With fewer different texts a set says more than a length."""
_TIMES = (ColumnType.DATE, ColumnType.TIMESTAMP, ColumnType.TIMESTAMP_UTC)
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class SuggestedCheck:
    """A check and why it is suggested."""

    check: Check
    reason: str
    finds_fault: bool = False
    """The table it came from does not pass it."""


def about_texts(profile: TableProfile) -> Iterator[SuggestedCheck]:
    """Yield what texts look like: a known form, or a length that is always the same."""
    for column in profile.columns:
        filled = profile.rows - column.missing
        if column.type is not ColumnType.STRING or filled < ROWS_MIN or column.distinct < 2:
            continue
        known = next(iter(column.patterns), None)
        if known is not None and known.fraction >= NEARLY_ALL_MIN:
            yield from _of_form(column, known.name, known.fraction)
        elif column.distinct > CATEGORIES_MAX and 2 <= (size := _length(column)) <= LENGTH_MAX:
            yield SuggestedCheck(
                Length(column=column.name, min=size, max=size, severity="warning"),
                f"All {filled:,} texts of {column.name} have {size} characters.",
            )


def _length(column: ColumnProfile) -> int:
    """Return how long all texts are, 0 where they are not equally long."""
    return column.length_max if column.length_max is not None and column.length_min == column.length_max else 0


def _of_form(column: ColumnProfile, name: str, fraction: float) -> Iterator[SuggestedCheck]:
    form = PATTERNS[name]
    check = Regex(column=column.name, pattern=form.pattern, severity="warning")
    if fraction == 1:
        yield SuggestedCheck(check, f"All texts of {column.name} that were looked at are {form.plural}.")
    else:
        yield SuggestedCheck(
            check,
            f"{fraction * 100:.1f} % of the texts of {column.name} are {form.plural}; the others look like a fault.",
            finds_fault=True,
        )


def about_order(profile: TableProfile) -> Iterator[SuggestedCheck]:
    """Yield that times come in their order, where they do."""
    for column in profile.columns:
        in_order = column.order == "increasing" and column.type in _TIMES
        if in_order and profile.rows - column.missing >= ROWS_MIN and column.distinct >= ROWS_MIN:
            yield SuggestedCheck(
                Monotonic(column=column.name, severity="warning"),
                f"From row to row {column.name} never goes back, as in a log that is written to at its end.",
            )


def about_age(profile: TableProfile, now: datetime) -> Iterator[SuggestedCheck]:
    """Yield how old the newest row may become, for the freshest column of a table that is kept up."""
    ages: list[tuple[timedelta, ColumnProfile]] = []
    for column in profile.columns:
        if column.type not in _TIMES or profile.rows < ROWS_MIN or not isinstance(column.max, str):
            continue
        newest = datetime.fromisoformat(column.max)
        age = now - (newest if newest.tzinfo else newest.replace(tzinfo=UTC))
        if -timedelta(days=1) < age <= FRESH_WITHIN:
            ages.append((age, column))
    if not ages:
        return
    age, column = min(ages, key=lambda found: found[0])
    days = max(2, ceil(3 * age / timedelta(days=1)))
    yield SuggestedCheck(
        Freshness(column=column.name, age_seconds_max=days * _DAY_SECONDS, severity="warning"),
        f"The newest {column.name} was less than {max(1, ceil(age / timedelta(days=1)))} days old when the version came; "
        f"after {days} days without news the source has probably stopped.",
    )


def about_change(profile: TableProfile) -> Iterator[SuggestedCheck]:
    """Yield what compares a version with the one before it."""
    if profile.rows < ROWS_MIN:
        return
    yield SuggestedCheck(
        Volume(fall_max=0.5, rise_max=1.0, severity="warning"),
        "Half as many rows as in the version before, or twice as many, would be news.",
    )
    if profile.rows < DRIFT_ROWS_MIN:
        return
    columns = tuple(column.name for column in profile.columns if _can_drift(profile, column))[:DRIFT_COLUMNS_MAX]
    if columns:
        yield SuggestedCheck(
            Drift(columns=columns, at_most=0.25, severity="warning"),
            f"The values of {', '.join(columns)} spread as in the version before as long as nothing changes at their source.",
        )


def _can_drift(profile: TableProfile, column: ColumnProfile) -> bool:
    filled = profile.rows - column.missing
    if filled < DRIFT_ROWS_MIN or column.distinct < 2 or column.order == "increasing":
        return False
    if column.type is ColumnType.STRING:
        return column.distinct <= filled // 50
    return column.type in {ColumnType.INTEGER, ColumnType.FLOAT} and column.distinct < filled
