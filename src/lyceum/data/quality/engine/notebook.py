"""Frames of any library checked at once, by checks written in Python."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from lyceum.data.quality.engine.checks import Check, InvalidCheck, checks_from_plain
from lyceum.data.quality.engine.profile import profile_table
from lyceum.data.quality.engine.references import reference_of
from lyceum.data.quality.engine.report import CheckReport
from lyceum.data.quality.engine.run import run_checks
from lyceum.data.quality.engine.suggest import suggest_checks
from lyceum.data.quality.engine.surroundings import Surroundings

_BARE = {"not_null", "unique"}
_PAIRS = ("range", "length")
_SINGLES = {
    "regex": "pattern",
    "type": "type",
    "completeness": "min_share",
    "freshness": "age_seconds_max",
    "expression": "expression",
    "sql": "query",
}
"""Kinds whose wish is one value, and the field it is for."""
_FORMS = "'not_null', 'unique', {'range': [0, 23]}, {'min': 0}, {'regex': '^N'} or {'in_set': [...]}"


def check(
    frame: Any,
    checks: Iterable[Any] | Mapping[str, Any] | None = None,
    *,
    sample_rows_max: int = 10,
    previous: Any = None,
    tables: Mapping[str, Any] | None = None,
) -> CheckReport:
    """Check a frame of Polars or pandas or an Arrow table, and return the report.

    `checks` is a list of checks (or of their JSON objects), or a mapping from column to what is asked of it; None runs those
    that the data itself suggests. `previous` is an earlier frame, `tables` holds frames by name. Raises InvalidCheck for a
    check that says nothing usable, and TypeError when `frame` is no frame, or one of pandas with a name used twice or a
    column of several kinds.
    """
    table = _lazy(frame)
    others = {name: _lazy(other) for name, other in (tables or {}).items()}
    around = Surroundings(
        references={} if previous is None else {"previous": reference_of(_lazy(previous))},
        table_named=lambda name: _named(others, name),
    )
    if checks is None:
        asked: Iterable[Check] = [each.check for each in suggest_checks(profile_table(table))]
    elif isinstance(checks, Mapping):
        asked = checks_from_plain(list(spelt_out(checks)))
    else:
        asked = checks_from_plain(list(checks))
    return run_checks(table, asked, sample_rows_max=sample_rows_max, around=around)


def _named(tables: Mapping[str, pl.LazyFrame], name: str) -> pl.LazyFrame:
    if name not in tables:
        raise LookupError(f"there is no '{name}' among the tables that were given")
    return tables[name]


def _lazy(frame: Any) -> pl.LazyFrame:
    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    if hasattr(frame, "iloc"):
        return _from_pandas(frame)
    if hasattr(frame, "__arrow_c_stream__"):
        return pl.DataFrame(frame).lazy()
    raise TypeError(f"check takes a Polars or pandas frame or an Arrow table, not {type(frame).__name__}")


def _from_pandas(frame: Any) -> pl.LazyFrame:
    names = [str(name) for name in frame.columns]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise TypeError(f"The frame has several columns named '{twice}'; rename all but one.")
    try:
        return pl.DataFrame(pl.from_pandas(frame)).lazy()
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as unfit:
        for place, name in enumerate(names):
            kinds = sorted({type(value).__name__ for value in frame.iloc[:, place].dropna()})
            if len(kinds) > 1:
                raise TypeError(
                    f"The column '{name}' holds values of several kinds ({', '.join(kinds)}); make them all of one, "
                    f"such as with frame['{name}'].astype(str)."
                ) from unfit
        raise


def spelt_out(wishes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the full objects that a mapping from column to what is asked of it stands for; raises `InvalidCheck`."""
    for column, wish in wishes.items():
        for each in _wishes(wish):
            yield from _spelt_out(column, each)


def _wishes(wish: Any) -> list[Any]:
    return list(wish) if isinstance(wish, list | tuple) else [wish]


def _spelt_out(column: str, wish: Any) -> Iterator[dict[str, Any]]:
    """Yield the full objects that one compact wish stands for."""
    if isinstance(wish, str) and wish in _BARE:
        yield {"kind": wish, **({"columns": [column]} if wish == "unique" else {"column": column})}
        return
    if not isinstance(wish, Mapping):
        raise InvalidCheck(f"{wish!r} asks nothing known of '{column}'; write {_FORMS}.")
    rest = dict(wish)
    if "kind" in rest:
        needs_column = column != "*" and "columns" not in rest
        yield {**({"column": column} if needs_column else {}), **rest}
    elif pair := next((kind for kind in _PAIRS if kind in rest), None):
        low, high = _pair(column, rest.pop(pair))
        yield {"kind": pair, "column": column, "min": low, "max": high, **rest}
    elif single := next((kind for kind in _SINGLES if kind in rest), None):
        of_table = {} if column == "*" else {"column": column}
        yield {"kind": single, **of_table, _SINGLES[single]: rest.pop(single), **rest}
    elif "row_count" in rest:
        low, high = _pair(column, rest.pop("row_count"))
        yield {"kind": "row_count", "min": low, "max": high, **rest}
    elif "in_set" in rest:
        yield {"kind": "in_set", "column": column, "values": _values(column, rest.pop("in_set")), **rest}
    elif bare := next((kind for kind in sorted(_BARE) if rest.pop(kind, False)), None):
        yield {"kind": bare, **({"columns": [column]} if bare == "unique" else {"column": column}), **rest}
    elif rest.keys() & {"min", "max"}:
        yield {"kind": "range", "column": column, **rest}
    else:
        raise InvalidCheck(f"{wish!r} asks nothing known of '{column}'; write {_FORMS}.")


def _values(column: str, values: Any) -> list[Any]:
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise InvalidCheck(f"The values of '{column}' are a list like ['a', 'b'], not {values!r}.")
    return list(values)


def _pair(column: str, bounds: Any) -> tuple[Any, Any]:
    if isinstance(bounds, list | tuple) and len(bounds) == 2:
        return bounds[0], bounds[1]
    raise InvalidCheck(f"The bounds of '{column}' are a pair like [0, 23], with None for an open end, not {bounds!r}.")
