"""What comes of checks that were written for another tool."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lyceum.data.quality.engine.public import Check, InvalidCheck, checks_from_plain, with_distinct_ids

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was not taken over."""

    what: str
    """What it is called where it comes from, such as `expect_column_median_to_be_between (price)`."""
    why: str
    """One sentence: why, and what to write in its place where there is something."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Checks as plain objects, ready for `checks_from_plain`, and what was not taken over."""

    checks: tuple[Plain, ...]
    left_out: tuple[LeftOut, ...]


def usable(imported: Imported) -> tuple[tuple[Check, ...], tuple[LeftOut, ...]]:
    """Return what was taken over as checks, those that cannot be run among what was left out."""
    checks: list[Check] = []
    left_out = list(imported.left_out)
    for plain in imported.checks:
        try:
            checks += checks_from_plain([plain])
        except InvalidCheck as unusable:
            where = plain.get("column") or "+".join(map(str, items_of(plain.get("columns"))))
            left_out.append(
                LeftOut(
                    f"{plain.get('kind', 'a check')} ({where})", unusable.detail.partition(": ")[2] or unusable.detail
                )
            )
    return with_distinct_ids(checks), tuple(left_out)


class CannotImport(ValueError):
    """One check that has no counterpart; the text says why, and what to write in its place."""


def made_by(make: Callable[[], list[Plain]]) -> list[Plain]:
    """Return what `make` makes; raises `CannotImport`, too, where the other tool's words are of a form that nobody expects."""
    try:
        return make()
    except CannotImport:
        raise
    except (TypeError, AttributeError, KeyError, ValueError, ArithmeticError) as strange:
        # there is no schema of these documents, and every value in them may be anything
        raise CannotImport("Something in it is not of the form that its tool writes; write it anew.") from strange


def items_of(value: Any) -> list[Any]:
    """Return the items of a list; none of anything else."""
    return value if isinstance(value, list) else []


def column_of(name: str) -> str:
    """Return a column as expressions name it, whatever its characters."""
    return f"col({name!r})"


def values_of(values: Any) -> str:
    """Return a list of values as expressions have it."""
    return f"[{', '.join(map(repr, listed(values)))}]"


def listed(values: Any) -> list[Any]:
    """Return a list; raises `CannotImport` for what is none, or is empty."""
    if not isinstance(values, list | tuple) or not values:
        raise CannotImport("It lists no values; give at least one.")
    return list(values)


def bounds(low: Any, high: Any) -> Plain:
    """Return `min` and `max` as far as they are given; raises `CannotImport` where neither is."""
    given = {name: value for name, value in (("min", low), ("max", high)) if value is not None}
    if not given:
        raise CannotImport("It has no bounds, so that everything passes.")
    return given


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return a mapping; raises `CannotImport` for anything else."""
    if not isinstance(value, Mapping):
        raise CannotImport(f"{what} is no mapping.")
    return value
