"""Checks a data engineer would write after a look at the profile, each with the reason.

A suggested check passes on the table it came from, with one exception: where the profile shows what looks like a fault
(an identifier with a few duplicates, a column with a handful of gaps, a misspelt category, a stand-in like -999 for
missing), the check that finds the fault is suggested as a warning, and says so.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from math import ceil, floor, log10, sqrt

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.checks import InSet, NotNull, Range, RowCount, Unique
from lyceum.data.quality.engine.profile import ColumnProfile, TableProfile
from lyceum.data.quality.engine.suggest_more import SuggestedCheck, about_age, about_change, about_order, about_texts

ROWS_MIN = 50
"""With fewer rows nothing but completeness is concluded."""
SUGGESTIONS_MAX = 40
NEARLY_COMPLETE_MISSING_MAX = 0.005
NEARLY_UNIQUE_MIN = 0.98
CATEGORIES_MAX = 20
ROWS_PER_CATEGORY_MIN = 10
STAND_INS = frozenset({-1, -9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 999999})
_KEY_NAME = re.compile(
    r"(^|[_\W])(id|key|uuid|guid|code|number|no|nr|sku|isbn|ean)($|[_\W])|[a-z](Id|ID|Key)$", re.ASCII
)


def suggest_checks(
    profile: TableProfile, *, has_earlier: bool = False, now: datetime | None = None
) -> tuple[SuggestedCheck, ...]:
    """Return at most 40 suggestions: on the table and its keys, on faults, then column by column. None without rows.

    With `has_earlier` there are earlier versions to compare with; `now` is when the profile's table was the newest.
    """
    if not profile.rows:
        return ()
    of_table = [
        *_about_size(profile),
        *(each for place, column in enumerate(profile.columns) for each in _about_keys(profile, column, place)),
    ]
    of_columns = [
        each for column in profile.columns for each in (*_about_gaps(profile, column), *_about_values(profile, column))
    ]
    of_columns += about_texts(profile)
    of_columns.sort(key=lambda each: not each.finds_fault)
    over_time = [*about_order(profile), *about_age(profile, now or datetime.now(UTC))]
    if has_earlier:
        over_time += about_change(profile)
    of_columns = of_columns[: SUGGESTIONS_MAX - len(of_table) - len(over_time)]
    return (*of_table, *over_time, *of_columns)[:SUGGESTIONS_MAX]


def _about_size(profile: TableProfile) -> Iterator[SuggestedCheck]:
    if profile.rows >= ROWS_MIN:
        floor_rows = profile.rows // 2
        yield SuggestedCheck(
            RowCount(min=floor_rows, severity="warning"),
            f"The table has {profile.rows:,} rows; a version with fewer than half of them has probably lost some.",
        )
    else:
        yield SuggestedCheck(RowCount(min=1), "A version without rows is of no use.")


def _about_keys(profile: TableProfile, column: ColumnProfile, place: int) -> Iterator[SuggestedCheck]:
    filled = profile.rows - column.missing
    if profile.rows < ROWS_MIN or not column.distinct_is_exact or not _could_be_key(column, place, filled):
        return
    if column.distinct == profile.rows:
        yield SuggestedCheck(
            Unique(columns=(column.name,)),
            f"All {profile.rows:,} values of {column.name} are different, so it identifies a row.",
        )
    elif NEARLY_UNIQUE_MIN * filled <= column.distinct < filled and _has_key_name(column):
        surplus = filled - column.distinct
        yield SuggestedCheck(
            Unique(columns=(column.name,), severity="warning"),
            f"{column.name} looks like an identifier, but {surplus:,} of its {filled:,} values repeat another one.",
            finds_fault=True,
        )


def _could_be_key(column: ColumnProfile, place: int, filled: int) -> bool:
    if column.type is ColumnType.STRING:
        return (column.length_max or 0) <= 64 and (_has_key_name(column) or place == 0)
    if column.type is not ColumnType.INTEGER or not isinstance(column.min, int) or not isinstance(column.max, int):
        return False
    is_dense = column.max - column.min < 2 * filled
    return _has_key_name(column) or (is_dense and place == 0)


def _has_key_name(column: ColumnProfile) -> bool:
    return _KEY_NAME.search(column.name) is not None or _KEY_NAME.search(column.name.lower()) is not None


def _about_gaps(profile: TableProfile, column: ColumnProfile) -> Iterator[SuggestedCheck]:
    name, share = column.name, column.missing_fraction
    if not column.missing:
        yield SuggestedCheck(NotNull(column=name), f"{name} is filled in all {profile.rows:,} rows.")
    elif share <= NEARLY_COMPLETE_MISSING_MAX and profile.rows >= ROWS_MIN:
        missing = "1 row" if column.missing == 1 else f"{column.missing:,} rows"
        yield SuggestedCheck(
            NotNull(column=name, severity="warning"),
            f"{name} is filled in all rows but {missing} of {profile.rows:,}; that looks like a fault.",
            finds_fault=True,
        )
    elif share < 0.5 and profile.rows >= ROWS_MIN:
        # three standard errors and two points more than now, so that chance alone does not raise it
        most = min(1.0, ceil((share + 3 * sqrt(share * (1 - share) / profile.rows) + 0.02) * 100) / 100)
        yield SuggestedCheck(
            NotNull(column=name, at_most_failing=most, severity="warning"),
            f"{name} is missing in {share * 100:.1f} % of the rows; more than {most * 100:.0f} % would be news.",
        )


def _about_values(profile: TableProfile, column: ColumnProfile) -> Iterator[SuggestedCheck]:
    filled = profile.rows - column.missing
    if filled < ROWS_MIN or column.distinct < 2:
        return
    if column.type is ColumnType.STRING:
        yield from _about_categories(column, filled)
    elif column.type in {ColumnType.INTEGER, ColumnType.FLOAT} and not _has_key_name(column):
        yield from _about_range(column)


def _about_categories(column: ColumnProfile, filled: int) -> Iterator[SuggestedCheck]:
    counts = {str(each.value): each.count for each in column.top_values}
    if not 2 <= column.distinct <= CATEGORIES_MAX or len(counts) < column.distinct or max(map(len, counts)) >= 100:
        return
    if filled < ROWS_PER_CATEGORY_MIN * column.distinct:
        return
    misspelt = dict(_misspelt(counts))
    values = tuple(sorted(value for value in counts if value not in misspelt))
    if not misspelt:
        yield SuggestedCheck(
            InSet(column=column.name, values=values, severity="warning"),
            f"{column.name} takes only {len(values):,} different values in {filled:,} rows.",
        )
        return
    wrong, right = next(iter(misspelt.items()))
    others = f" (and {len(misspelt) - 1:,} more)" if len(misspelt) > 1 else ""
    yield SuggestedCheck(
        InSet(column=column.name, values=values, severity="warning"),
        f"{column.name} takes {len(values):,} values; {wrong!r} ({_times(counts[wrong])}) looks like {right!r} misspelt{others}.",
        finds_fault=True,
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _misspelt(counts: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yield rare values that nearly equal a value a hundred times as frequent."""
    for value, count in counts.items():
        frequent = {other.casefold().strip(): other for other, often in counts.items() if often >= 100 * count}
        close = get_close_matches(value.casefold().strip(), frequent, n=1, cutoff=0.8)
        # one digit apart is another number, not a slip of the pen
        if close and not re.search(r"\d", value):
            yield value, frequent[close[0]]


def _about_range(column: ColumnProfile) -> Iterator[SuggestedCheck]:
    low, high, quantiles = column.min, column.max, column.quantiles
    if (
        isinstance(low, str | bool | None)
        or isinstance(high, str | bool | None)
        or quantiles is None
        or column.infinite
    ):
        return
    name = column.name
    spread = quantiles["0.99"] - quantiles["0.01"]
    stand_in = next((end for end in (low, high) if end in STAND_INS and _far(end, quantiles)), None)
    if stand_in is not None:
        bounds = {"min": quantiles["0.05"] - 3 * spread} if stand_in == low else {"max": quantiles["0.95"] + 3 * spread}
        if stand_in == low and quantiles["0.01"] >= 0:
            bounds = {"min": 0}
        yield SuggestedCheck(
            Range(column=name, severity="warning", **_neat(bounds)),  # type: ignore[arg-type] # keyed by field name
            f"{name} holds {stand_in:g} far from its other values; it looks like a stand-in for a missing one.",
            finds_fault=True,
        )
    elif isinstance(low, int) and isinstance(high, int) and column.distinct == high - low + 1 <= 60:
        yield SuggestedCheck(
            Range(column=name, min=low, max=high, severity="warning"),
            f"{name} takes every whole number from {low:,} to {high:,} and no other.",
        )
    elif low >= 0 and high <= 1 and not isinstance(low, int):
        yield SuggestedCheck(
            Range(column=name, min=0, max=1, severity="warning"), f"All values of {name} lie between 0 and 1."
        )
    elif low >= 0:
        yield SuggestedCheck(
            Range(column=name, min=0, severity="warning"), f"{name} is never below zero; its smallest value is {low:g}."
        )


def _far(end: float, quantiles: dict[str, float]) -> bool:
    inner = max(quantiles["0.95"] - quantiles["0.05"], 1e-12)
    return end > quantiles["0.95"] + 3 * inner or end < quantiles["0.05"] - 3 * inner


def _neat(bounds: dict[str, float]) -> dict[str, float]:
    """Return the bounds rounded outwards to two digits."""

    def outwards(side: str, bound: float) -> float:
        if not bound:
            return 0
        unit = 10.0 ** (floor(log10(abs(bound))) - 1)
        return (floor if side == "min" else ceil)(bound / unit) * unit

    return {side: outwards(side, bound) for side, bound in bounds.items()}
