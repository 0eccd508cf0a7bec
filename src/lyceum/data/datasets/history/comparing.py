"""Comparing the rows of two versions, in a process of its own: counts, and the keys of the first rows that differ."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from lyceum.data.datasets.history.errors import KeyUnusable
from lyceum.data.datasets.history.work import Compared, Comparing
from lyceum.data.datasets.rows.public import Marks, mask_of, scan_unmasked
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

SAMPLES_MAX = 20
TEXT_CHARS_MAX = 200
_BEFORE, _AFTER, _COPIES = "__before__", "__after__", "__copies__"


def compare(work: Comparing, side: ChildSide) -> Compared:
    """Return what differs between the rows of two versions; raises `KeyUnusable`."""
    storage = open_storage(settings())
    before, after = (scan_unmasked(storage, work.table_key, version) for version in (work.before, work.after))
    rows = {"before": _height(before), "after": _height(after)}
    side.stop_if_asked()
    if work.key_columns:
        return Compared(rows=rows | _by_key(before, after, list(work.key_columns), work.marks))
    return Compared(rows=rows | _by_whole_rows(before, after))


def _height(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect(engine="streaming").item())


def _by_key(before: pl.LazyFrame, after: pl.LazyFrame, key: list[str], marks: Marks) -> dict[str, Any]:
    schemas = before.collect_schema(), after.collect_schema()
    _require_usable(before, after, key)
    same = [name for name in schemas[0] if name not in key and schemas[1].get(name) == schemas[0][name]]
    places = {name: f"v{place}" for place, name in enumerate(same)}
    # under names of our own, so that no column of theirs is taken for the other side's
    left, right = (
        rows.select(
            *(pl.col(name).alias(f"k{place}") for place, name in enumerate(key)),
            *(pl.col(name).alias(f"{of}{mark}") for name, mark in places.items()),
            pl.lit(value=True).alias(of),
        )
        for of, rows in ((_BEFORE, before), (_AFTER, after))
    )
    keys = [f"k{place}" for place in range(len(key))]
    joined = left.join(right, on=keys, how="full", coalesce=True, nulls_equal=True)
    differs = {name: pl.col(f"{_BEFORE}{mark}").ne_missing(pl.col(f"{_AFTER}{mark}")) for name, mark in places.items()}
    both = pl.col(_BEFORE).is_not_null() & pl.col(_AFTER).is_not_null()
    which = {
        "added": pl.col(_BEFORE).is_null(),
        "removed": pl.col(_AFTER).is_null(),
        "changed": both & pl.any_horizontal(pl.lit(value=False), *differs.values()),
    }
    counts = joined.select(
        *(condition.sum().alias(name) for name, condition in which.items()),
        *((both & differs[name]).sum().alias(mark) for name, mark in places.items()),
    )
    found = counts.collect(engine="streaming").row(0, named=True)
    return {
        **{name: int(found[name]) for name in which},
        "changed_by_column": {name: int(found[mark]) for name, mark in places.items() if found[mark]},
        "samples": {
            name: _sample(joined.filter(condition), keys, [marks.get(name) for name in key])
            for name, condition in which.items()
            if found[name]
        },
    }


def _require_usable(before: pl.LazyFrame, after: pl.LazyFrame, key: list[str]) -> None:
    schemas = before.collect_schema(), after.collect_schema()
    for name in key:
        kinds = [schema.get(name) for schema in schemas]
        if kinds[0] is None or kinds[0] != kinds[1]:
            raise KeyUnusable(f"The column {name[:100]!r} is not in both versions with one type; choose another key.")
    for rows in (before, after):
        repeated = rows.select(pl.len() - pl.struct(key).n_unique()).collect(engine="streaming").item()
        if repeated:
            raise KeyUnusable(
                f"{repeated:,} rows of a version repeat the key of another one; name columns that together are different "
                "in each row, or none."
            )


def _by_whole_rows(before: pl.LazyFrame, after: pl.LazyFrame) -> dict[str, Any]:
    names = list(before.collect_schema())
    if before.collect_schema() != after.collect_schema():
        return {
            "added": _height(after),
            "removed": _height(before),
            "changed": None,
            "changed_by_column": {},
            "samples": {},
        }
    # as numbers of 64 bits: rows that differ share one about once in 10^19 pairs
    left, right = (
        rows.select(pl.struct(names).hash().alias("row")).group_by("row").agg(pl.len().cast(pl.Int64).alias(of))
        for of, rows in ((_BEFORE, before), (_AFTER, after))
    )
    joined = left.join(right, on="row", how="full", coalesce=True).with_columns(
        (pl.col(_AFTER).fill_null(0) - pl.col(_BEFORE).fill_null(0)).alias(_COPIES)
    )
    more, fewer = pl.col(_COPIES).clip(lower_bound=0).sum(), (-pl.col(_COPIES)).clip(lower_bound=0).sum()
    added, removed = joined.select(more.alias("added"), fewer.alias("removed")).collect(engine="streaming").row(0)
    return {"added": added, "removed": removed, "changed": None, "changed_by_column": {}, "samples": {}}


def _sample(rows: pl.LazyFrame, keys: Sequence[str], kinds: Sequence[str | None]) -> list[list[Any]]:
    first = rows.select(keys).head(SAMPLES_MAX).collect(engine="streaming")
    return [
        [mask_of(kind) if kind and value is not None else _shown(value) for kind, value in zip(kinds, row, strict=True)]
        for row in first.iter_rows()
    ]


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return value[:TEXT_CHARS_MAX].replace("\0", "\ufffd")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return value.isoformat()
