"""One sentence for a person about what a check found."""

from typing import Any

from lyceum.data.quality.engine.checks import Check, InSet, NotNull, Range, RowCount, Scalar, Unique

LISTED_MAX = 5
LISTED_CHARS_MAX = 40


def sentence_of(
    check: Check,
    *,
    checked: int,
    failing: int,
    involved: int | None,
    observed: dict[str, Any] | None,
    first: str | None,
) -> str:
    """Return the sentence; `first` says where the first failing row is, `observed` is None when it may not be shown."""
    if isinstance(check, RowCount):
        rows = observed["rows"] if observed else 0
        return f"The table has {_rows(rows)}; {_count_bounds(check)}."
    if not checked:
        what = "rows" if isinstance(check, NotNull) else f"values of {', '.join(check.subjects())}"
        return f"There are no {what} to check."
    if not failing:
        return _all_well(check, checked)
    tolerated = ""
    if check.at_most_failing:
        tolerated = f" ({_percent(failing / checked)}, {_percent(check.at_most_failing)} is tolerated)"
    where = f"; first on {first}" if first else ""
    return f"{_fault(check, checked, failing, involved, observed)}{tolerated}{where}."


def _all_well(check: Check, checked: int) -> str:
    match check:
        case NotNull(column=name):
            return f"All {checked:,} rows have {name}."
        case Unique(columns=(name,)):
            return f"All {checked:,} values of {name} are different."
        case Unique(columns=columns):
            return f"All {checked:,} combinations of {', '.join(columns)} are different."
        case Range(column=name):
            return f"All {checked:,} values of {name} are {_inside(check)}."
        case InSet(column=name, values=values):
            return f"All {checked:,} values of {name} are among the {len(values):,} allowed."
        case RowCount():
            return ""


def _fault(check: Check, checked: int, failing: int, involved: int | None, observed: dict[str, Any] | None) -> str:
    have = "has" if failing == 1 else "have"
    some = f"{failing:,} of {_rows(checked)} {have}"
    match check:
        case NotNull(column=name):
            return f"{some} no {name}"
        case Unique(columns=columns):
            key = columns[0] if len(columns) == 1 else f"combination of {', '.join(columns)}"
            repeat = "repeats" if failing == 1 else "repeat"
            return f"{failing:,} of {_rows(checked)} {repeat} the {key} of an earlier row ({involved or 0:,} rows share theirs)"
        case Range(column=name):
            return f"{some} {name} {_outside(check, observed)}"
        case InSet(column=name, values=values):
            allowed = ", ".join(_listed(value) for value in values[:LISTED_MAX])
            more = f" and {len(values) - LISTED_MAX:,} more" if len(values) > LISTED_MAX else ""
            return f"{some} a {name} that is not one of {allowed}{more}"
        case RowCount():
            return ""


def _listed(value: Scalar) -> str:
    if isinstance(value, str) and len(value) > LISTED_CHARS_MAX:
        return repr(f"{value[: LISTED_CHARS_MAX - 1]}…")
    return repr(value)


def _inside(check: Range) -> str:
    if check.min is None:
        return f"at most {_shown(check.max)}" if check.max_inclusive else f"below {_shown(check.max)}"
    if check.max is None:
        return f"at least {_shown(check.min)}" if check.min_inclusive else f"above {_shown(check.min)}"
    ends = "" if check.min_inclusive and check.max_inclusive else ", ends excluded where asked"
    return f"between {_shown(check.min)} and {_shown(check.max)}{ends}"


def _outside(check: Range, observed: dict[str, Any] | None) -> str:
    low = (
        None
        if check.min is None
        else f"below {_shown(check.min)}"
        if check.min_inclusive
        else f"not above {_shown(check.min)}"
    )
    high = (
        None
        if check.max is None
        else f"above {_shown(check.max)}"
        if check.max_inclusive
        else f"not below {_shown(check.max)}"
    )
    # naming only the side that was crossed is shorter and truer; it needs both ends seen and comparable
    if observed and low and high and not isinstance(check.min, str) and not isinstance(check.max, str):
        if observed["min"] > check.min or (observed["min"] == check.min and check.min_inclusive):
            low = None
        elif observed["max"] < check.max or (observed["max"] == check.max and check.max_inclusive):
            high = None
    return " or ".join(side for side in (low, high) if side)


def _count_bounds(check: RowCount) -> str:
    if check.min is None:
        return f"at most {check.max:,} are asked"
    if check.max is None:
        return f"at least {check.min:,} are asked"
    return f"between {check.min:,} and {check.max:,} are asked"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _shown(bound: float | str | None) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if share < 0.01 else f"{share * 100:.3g} %"
