"""Metrics of one batch of rows, beside what earlier accepted batches taught."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np
import polars as pl

from lyceum.data.quality.anomalies.relations import Relations
from lyceum.data.quality.anomalies.tallies import Hashes, Numbers, Tally, entropy_bits, hashes_of, paired

MEMORY_VERSION = 1
BATCHES_TO_CHOOSE_PAIRS = 10
TEXT_VALUES_MAX = 20_000
NUMBER_VALUES_MAX = 2_000
PAIRS_VALUES_MAX = 20_000
PAIR_COLUMNS_MAX = 14
PARTNERS_MAX = 2
"""Of how many other columns a column's values are expected."""
TOP_VALUES = 8
_Told = TypeVar("_Told")
_KNOWN_ROWS = 20.0
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class BatchMemory(msgspec.Struct, frozen=True):
    """What accepted batches taught about the values of a table: hashes and sums, never values. Serialisable."""

    version: int = MEMORY_VERSION
    batches: int = 0
    rows: float = 0.0
    values: dict[str, Tally] = {}
    shapes: dict[str, Tally] = {}
    pairs: dict[str, Tally] = {}
    """By "index of the given column>index of the expected one", in the order of `columns`."""
    columns: tuple[str, ...] = ()
    top: dict[str, tuple[str, ...]] = {}
    relations: Relations | None = None


@dataclass(frozen=True, slots=True)
class _Batch:
    numbers: dict[str, Numbers]
    hashes: dict[str, Hashes]
    texts: dict[str, pl.Series]
    missing: dict[str, float]
    rows: int


def measure(batch: pl.DataFrame, memory: BatchMemory) -> dict[str, float]:
    """Return the metrics of a batch by name ("column|kind", "|rows" for the table); one without an answer is left out.

    Shares are of all rows of the batch. `new` and `new_shape` are shares of rows whose value or written shape no
    accepted batch had; `apart` compares numbers with what the others in their row say (`Relations`); `unlike` is the
    mean surprise of a value beside another column's, in bits.
    """
    read = _read(batch)
    found = {"|rows": float(read.rows)}
    if not read.rows:
        return found
    for name, share in read.missing.items():
        found[f"{name}|missing"] = share
    for name, values in read.numbers.items():
        found |= _of_numbers(name, values)
    for name, texts in read.texts.items():
        found |= _of_texts(name, texts, memory)
    for name, hashes in read.hashes.items():
        found[f"{name}|distinct"] = len(np.unique(hashes)) / read.rows
        tally = memory.values.get(name)
        if tally is not None and not tally.is_over and memory.batches:
            found[f"{name}|new"] = float((tally.counts_of(hashes) == 0).mean())
    found |= _of_relations(read, memory)
    found |= _of_pairs(read, memory)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def remember(memory: BatchMemory, batch: pl.DataFrame) -> BatchMemory:
    """Return the memory with an accepted batch added."""
    read = _read(batch)
    if not read.rows:
        return memory
    values = dict(memory.values)
    for name, hashes in read.hashes.items():
        cap = TEXT_VALUES_MAX if name in read.texts else NUMBER_VALUES_MAX
        values[name] = values.get(name, Tally(cap)).with_rows(hashes)
    shapes = dict(memory.shapes)
    for name, texts in read.texts.items():
        shapes[name] = shapes.get(name, Tally(TEXT_VALUES_MAX)).with_rows(hashes_of(_shape(texts)))
    top = dict(memory.top)
    for name, texts in read.texts.items():
        if name not in top:
            counts = texts.drop_nulls().value_counts(sort=True)
            top[name] = tuple(map(str, counts.get_column(texts.name).head(TOP_VALUES)))
    columns = memory.columns or tuple(read.hashes)[:PAIR_COLUMNS_MAX]
    pairs = _pairs_after(memory, columns, values, read)
    names = tuple(read.numbers)
    relations = memory.relations
    if len(names) > 1:
        table = np.column_stack([read.numbers[name] for name in names])
        if relations is None or relations.columns != names:
            relations = Relations.begun(names, table)
        relations = relations.with_rows(table)
    return BatchMemory(
        MEMORY_VERSION, memory.batches + 1, memory.rows + read.rows, values, shapes, pairs, columns, top, relations
    )


def without_columns(memory: BatchMemory, columns: Collection[str]) -> BatchMemory:
    """Return the memory with nothing of what some columns held."""
    gone = set(columns) & {*memory.values, *memory.top, *memory.shapes}
    if not gone:
        return memory
    places = {str(place) for place, name in enumerate(memory.columns) if name in gone}
    relations = memory.relations
    return msgspec.structs.replace(
        memory,
        values=_but(memory.values, gone),
        shapes=_but(memory.shapes, gone),
        top=_but(memory.top, gone),
        pairs={key: tally for key, tally in memory.pairs.items() if places.isdisjoint(key.split(">"))},
        relations=None if relations is not None and gone & set(relations.columns) else relations,
    )


def _but(told: Mapping[str, _Told], gone: Collection[str]) -> dict[str, _Told]:
    return {name: kept for name, kept in told.items() if name not in gone}


def _read(batch: pl.DataFrame) -> _Batch:
    numbers: dict[str, Numbers] = {}
    hashes: dict[str, Hashes] = {}
    texts: dict[str, pl.Series] = {}
    missing: dict[str, float] = {}
    for column in batch.iter_columns():
        name, kind = column.name, column.dtype
        if kind.is_numeric():
            values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            numbers[name] = values
            hashes[name] = hashes_of(pl.Series(name, values).fill_nan(None))
            missing[name] = float(np.isnan(values).mean()) if len(values) else 0.0
            continue
        missing[name] = column.null_count() / max(1, len(column))
        if kind in {pl.String, pl.Boolean} or isinstance(kind, pl.Categorical | pl.Enum):
            texts[name] = column.cast(pl.String)
            hashes[name] = hashes_of(texts[name])
    return _Batch(numbers, hashes, texts, missing, batch.height)


def _of_numbers(name: str, values: Numbers) -> dict[str, float]:
    present = values[np.isfinite(values)]
    if not len(present):
        return {}
    found = dict(zip(("q05", "q25", "q50", "q75", "q95"), map(float, np.quantile(present, _QUANTILES)), strict=True))
    found |= {
        "mean": float(present.mean()),
        "spread": float(np.log1p(present.std())),
        "least": float(present.min()),
        "greatest": float(present.max()),
        "zero": float((present == 0).mean()),
        "negative": float((present < 0).mean()),
    }
    return {f"{name}|{kind}": value for kind, value in found.items()}


def _of_texts(name: str, texts: pl.Series, memory: BatchMemory) -> dict[str, float]:
    lengths = texts.str.len_chars().cast(pl.Float64).drop_nulls().to_numpy()
    found: dict[str, float] = {}
    if len(lengths):
        found |= {f"{name}|length": float(lengths.mean()), f"{name}|longest": float(lengths.max())}
        found[f"{name}|shortest"] = float(lengths.min())
    for place, value in enumerate(memory.top.get(name, ())):
        found[f"{name}|share of value {place + 1}"] = float((texts == value).sum() / len(texts))
    tally = memory.shapes.get(name)
    if tally is not None and not tally.is_over:
        found[f"{name}|new_shape"] = float((tally.counts_of(hashes_of(_shape(texts))) == 0).mean())
    return found


def _shape(texts: pl.Series) -> pl.Series:
    shaped = texts.str.slice(0, 40).str.replace_all(r"\p{Lu}", "A").str.replace_all(r"\p{Ll}", "a")
    return shaped.str.replace_all(r"\d", "9")


def _of_relations(read: _Batch, memory: BatchMemory) -> dict[str, float]:
    relations = memory.relations
    if relations is None or relations.columns != tuple(read.numbers) or not relations.usual:
        return {}
    residuals = relations.residuals(np.column_stack([read.numbers[name] for name in relations.columns]))
    if residuals is None:
        return {}
    found: dict[str, float] = {}
    for place, name in enumerate(relations.columns):
        apart = residuals[:, place]
        apart = apart[np.isfinite(apart)]
        if not len(apart):
            continue
        usual = max(relations.usual[place], 1e-9)
        sizes = np.abs(apart) / usual
        found[f"{name}|apart"] = float(apart.mean())
        found[f"{name}|apart_size"] = float(np.log1p(np.quantile(sizes, 0.9)))
        found[f"{name}|apart_most"] = float(np.log1p(sizes.max()))
        found[f"{name}|apart_rows"] = float((sizes > 1.5).mean())
    return found


def _of_pairs(read: _Batch, memory: BatchMemory) -> dict[str, float]:
    if memory.batches < BATCHES_TO_CHOOSE_PAIRS:
        return {}
    found: dict[str, float] = {}
    for key, tally in memory.pairs.items():
        given, expected = (memory.columns[int(part)] for part in key.split(">"))
        if tally.is_over or given not in read.hashes or expected not in read.hashes:
            continue
        of_given = memory.values[given].counts_of(read.hashes[given])
        alone = memory.values[expected].counts_of(read.hashes[expected]) + 0.5
        both = tally.counts_of(paired(read.hashes[given], read.hashes[expected]))
        odds = (both + alone / (memory.rows + 1)) / (of_given + 1)
        found[f"{expected}|unlike {given}"] = float(-np.log2(odds).mean())
        found[f"{expected}|new beside {given}"] = float(((both == 0) & (of_given >= _KNOWN_ROWS)).mean())
    return found


def _pairs_after(
    memory: BatchMemory, columns: tuple[str, ...], values: Mapping[str, Tally], read: _Batch
) -> dict[str, Tally]:
    if memory.batches == 0:
        keys = [f"{a}>{b}" for a, b in itertools.permutations(range(len(columns)), 2)]
    else:
        keys = list(memory.pairs)
    pairs: dict[str, Tally] = {}
    for key in keys:
        given, expected = (columns[int(part)] for part in key.split(">"))
        if values[given].is_over or values[expected].is_over:
            continue
        tally = memory.pairs.get(key, Tally(PAIRS_VALUES_MAX))
        if given in read.hashes and expected in read.hashes:
            tally = tally.with_rows(paired(read.hashes[given], read.hashes[expected]))
        if not tally.is_over:
            pairs[key] = tally
    return _telling(pairs, columns, values) if memory.batches + 1 == BATCHES_TO_CHOOSE_PAIRS else pairs


def _telling(pairs: Mapping[str, Tally], columns: tuple[str, ...], values: Mapping[str, Tally]) -> dict[str, Tally]:
    """Keep of each column the partners that say most of it: the corrected share of its entropy that they explain.

    Mutual information of independent columns is about (pairs - values - values + 1) / (2 n ln 2) bits above zero
    (Miller 1955); that is taken off.
    """
    worth: dict[int, list[tuple[float, str]]] = {}
    for key, tally in pairs.items():
        given, expected = map(int, key.split(">"))
        first, second = values[columns[given]].counts, values[columns[expected]].counts
        own = entropy_bits(second)
        if own <= 0:
            continue
        shared = entropy_bits(first) + own - entropy_bits(tally.counts)
        by_chance = (len(tally.counts) - len(first) - len(second) + 1) / (2 * first.sum() * np.log(2))
        share = (shared - by_chance) / own
        if share > 0.02 and len(tally.counts) < 0.6 * first.sum():
            worth.setdefault(expected, []).append((share, key))
    best = {key for told in worth.values() for _, key in sorted(told, reverse=True)[:PARTNERS_MAX]}
    return {key: tally for key, tally in pairs.items() if key in best}
