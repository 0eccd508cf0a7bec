"""Checks of small batches by a Python function made for them: no data frame, no plan a call.

`small_checks` makes the function once for a set of checks and the columns' types and keeps it. A batch is a list of
rows as JSON gives them, their values of the columns' types; a field that is not there is a missing value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from lyceum.data.datasets.reading.public import POLARS_TYPES, ColumnType
from lyceum.data.quality.engine.checks import Check, Completeness, Monotonic, PrimaryKey, Regex, RowCount, Type, Unique
from lyceum.data.quality.engine.in_python import Source, text_of
from lyceum.data.quality.engine.nodes import Column, Fits, Missing, Not
from lyceum.data.quality.engine.patterns import searcher_of
from lyceum.data.quality.engine.report import CheckReport
from lyceum.data.quality.engine.rules import RowRule
from lyceum.data.quality.engine.run import planned, run_checks
from lyceum.data.quality.engine.surroundings import Surroundings

SMALL_ROWS_MAX = 5_000
"""Beyond, Polars is faster."""
COLUMN_ROWS_MIN = 8
"""From here on Arrow fits a pattern faster to a column than it is fitted one call a text, by RE2 both."""

Row = Any
"""A mapping by the names of columns, or an object that has a field `c0`, `c1`, … for each."""
Counting = Callable[[Sequence[Row]], tuple[Sequence[int], Sequence[list[str]]]]
"""From rows to checked and failing counts in turn, and the texts that patterns are fitted to."""


class RowsMisfit(ValueError):
    """Rows whose values are not of the types that the checks were made for."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows a check decided on, and how many of them fail."""

    check: Check
    checked: int
    failing: int

    @property
    def fails(self) -> bool:
        """Whether more fail than is tolerated."""
        return self.failing > getattr(self.check, "at_most_failing", 0.0) * self.checked


@dataclass(frozen=True, slots=True)
class SmallChecks:
    """Checks made ready for batches of rows."""

    checks: tuple[Check, ...]
    types: Mapping[str, ColumnType]
    counted: tuple[Check, ...]
    """The checks that `counts` covers; the others need what only `report` looks at."""
    as_fields: bool
    _count: "Counting"
    _patterns: tuple["_Pattern", ...]

    def counts(self, rows: Sequence[Row]) -> list[Counted]:
        """Return the counts of the checks in `counted`, in their order; raises RowsMisfit."""
        return [Counted(check, *pair) for check, pair in zip(self.counted, self._pairs(rows), strict=True)]

    def failing(self, rows: Sequence[Row]) -> list[Counted]:
        """Return the counts of those checks in `counted` that the rows fail; raises RowsMisfit."""
        pairs = zip(self.counted, self._pairs(rows), strict=True)
        return [found for check, pair in pairs if pair[1] and (found := Counted(check, *pair)).fails]

    def report(
        self, rows: Sequence[Row], *, sample_rows_max: int = 10, around: Surroundings | None = None
    ) -> CheckReport:
        """Return the report that `run_checks` gives of the same rows, with all checks; for batches that fail."""
        frame = pl.DataFrame(rows, schema={name: POLARS_TYPES[kind] for name, kind in self.types.items()}, strict=False)
        return run_checks(frame.lazy(), self.checks, sample_rows_max=sample_rows_max, around=around)

    def first_failing(self, check: Check, rows: Sequence[Row], *, at_most: int) -> list[int]:
        """Return the numbers, from 1, of the first rows that fail a check that rows decide; raises RowsMisfit."""
        try:
            find = _finder(msgspec.json.encode(check), tuple(self.types.items()), as_fields=self.as_fields)
            return find(rows, at_most)
        except (TypeError, AttributeError) as misfit:
            raise RowsMisfit(f"A row holds a value that is not of its column's type: {misfit}.") from misfit

    def _pairs(self, rows: Sequence[Row]) -> list[tuple[int, int]]:
        try:
            flat, texts = self._count(rows)
            matched = _fitting(self._patterns, texts)
        except (TypeError, AttributeError, UnicodeError, pa.ArrowInvalid) as misfit:
            raise RowsMisfit(f"A row holds a value that is not of its column's type: {misfit}.") from misfit
        pairs = list(zip(islice(flat, 0, None, 2), islice(flat, 1, None, 2), strict=True))
        for pattern, fitting in zip(self._patterns, matched, strict=True):
            checked = pairs[pattern.place][0]
            pairs[pattern.place] = (checked, fitting if pattern.forbidden else checked - fitting)
        return pairs


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A check that is one pattern on one column, counted for the whole batch at once."""

    place: int
    pattern: str
    forbidden: bool
    list_place: int
    """Which of the lists of texts that the generated function returns it reads."""


def small_checks(checks: Sequence[Check], types: Mapping[str, ColumnType], *, as_fields: bool = False) -> SmallChecks:
    """Return the checks made ready for rows of these columns; kept for the next call with the same.

    Rows are mappings, or with `as_fields` objects that have `c0`, `c1`, … in the order of the columns.
    """
    # as JSON, in which 1, 1.0 and true differ
    return _small_checks(msgspec.json.encode(checks), tuple(types.items()), as_fields=as_fields)


@lru_cache(maxsize=512)
def _small_checks(encoded: bytes, types: tuple[tuple[str, ColumnType], ...], *, as_fields: bool) -> SmallChecks:
    checks = msgspec.json.decode(encoded, type=tuple[Check, ...])
    known = dict(types)
    program = _Program(known, as_fields)
    for check in checks:
        plan = planned(check, {**known})
        if plan.error is None and not _tolerates_in_parts(check):
            program.add(check, plan.rule)
    patterns = tuple(program.patterns)
    return SmallChecks(checks, known, tuple(program.counted), as_fields, program.compiled(), patterns)


def types_of(columns: Iterable[tuple[str, str]]) -> dict[str, ColumnType]:
    """Return the types of columns as a table's schema says them, in its order."""
    return {name: ColumnType(kind) for name, kind in columns}


def decided_by_rows(check: Check, types: Mapping[str, ColumnType]) -> bool | None:
    """Return whether each row by itself passes or fails the check, None where it does not fit the columns.

    So it is not where a share of failing rows is tolerated in each partition.
    """
    plan = planned(check, {**types})
    if plan.error is not None:
        return None
    return plan.rule is not None and not isinstance(check, Completeness) and not _tolerates_in_parts(check)


def _tolerates_in_parts(check: Check) -> bool:
    """Say whether a check judges each partition by itself, and otherwise than all rows together."""
    return getattr(check, "partition_by", None) is not None and getattr(check, "at_most_failing", 0.0) > 0


@lru_cache(maxsize=512)
def _finder(
    encoded: bytes, types: tuple[tuple[str, ColumnType], ...], *, as_fields: bool
) -> Callable[[Sequence[Row], int], list[int]]:
    """Return a function that goes through rows until it has found so many that fail."""
    rule = planned(msgspec.json.decode(encoded, type=Check), dict(types)).rule
    if rule is None:
        raise ValueError("rows do not decide this check")
    program = _Program(dict(types), as_fields)
    present = frozenset(rule.present)
    asked = [f"{program.source.column(name)} is not None" for name in rule.present]
    asked += [] if rule.given is None else [text_of(rule.given, program.source, present)]
    asked.append(text_of(rule.fails, program.source, present))
    lines = ["def find(rows, at_most):", " found = []", " for number, r in enumerate(rows, 1):"]
    lines += [f"  {line}" for line in program.values()]
    lines += [f"  if {' and '.join(asked)}:", "   found.append(number)", "   if len(found) >= at_most: break"]
    found: Callable[[Sequence[Row], int], list[int]] = _made([*lines, " return found"], program.source, "find")
    return found


def _made(lines: Sequence[str], source: Source, name: str) -> Any:
    spaces: dict[str, Any] = dict(source.objects)
    exec(compile("\n".join(lines), "<checks>", "exec"), spaces)  # noqa: S102 - made of our own trees
    return spaces[name]


@dataclass(slots=True)
class _Program:
    """The generated function while it is put together."""

    types: Mapping[str, ColumnType]
    as_fields: bool
    source: Source = field(default_factory=Source)
    counted: list[Check] = field(default_factory=list)
    patterns: list[_Pattern] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    inside: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    """Lines for rows in which the named columns hold a value."""
    results: list[str] = field(default_factory=list)
    lists: dict[str, str] = field(default_factory=dict)
    """The list that gathers a column's texts."""
    missing: set[str] = field(default_factory=set)
    """Columns whose gaps are counted."""

    def add(self, check: Check, rule: RowRule | None) -> None:
        """Add a check, unless it needs more than the rows of the batch."""
        place = len(self.counted)
        match check:
            case RowCount(min=low, max=high):
                low_text, high_text = low if low is not None else 0, high if high is not None else "n"
                self._result("n", f"0 if {low_text} <= n <= {high_text} else 1")
            case Unique(columns=columns) | PrimaryKey(columns=columns):
                self._add_key(place, columns, gaps_fail=isinstance(check, PrimaryKey))
            case Monotonic():
                self._add_order(place, check)
            case _ if rule is None or isinstance(check, Completeness):
                return
            case Regex() | Type() if (found := _pattern_of(rule)) is not None:
                self._add_pattern(place, found[0], found[1], forbidden=found[2])
            case _:
                self._add_rule(place, rule)
        self.counted.append(check)

    def _add_rule(self, place: int, rule: RowRule) -> None:
        match rule:
            case RowRule(present=(), given=None, fails=Missing(part=Column(name=name))):
                self._result("n", self._gaps(name))
                return
        present = frozenset(rule.present)
        wrong = text_of(rule.fails, self.source, present)
        if rule.given is None:
            self._line(rule.present, f"if {wrong}: f{place} += 1", place)
            self._result(self._present(rule.present, place), f"f{place}")
            return
        self.before.append(f"c{place} = 0")
        given = text_of(rule.given, self.source, present)
        self._line(rule.present, f"if {given}:\n c{place} += 1\n if {wrong}: f{place} += 1", place)
        self._result(f"c{place}", f"f{place}")

    def _add_key(self, place: int, columns: tuple[str, ...], *, gaps_fail: bool) -> None:
        names = [self.source.column(name) for name in columns]
        key = names[0] if len(names) == 1 else f"({', '.join(names)})"
        self.before.append(f"d{place} = set(); a{place} = d{place}.add")
        self._line(columns, f"a{place}({key})", place)
        present = self._present(columns, place)
        surplus = f"{present} - len(d{place})"
        self._result("n" if gaps_fail else present, f"n - len(d{place})" if gaps_fail else surplus)

    def _add_order(self, place: int, check: Monotonic) -> None:
        value = self.source.column(check.column)
        sign = {"increasing": "<", "decreasing": ">"}[check.direction] + ("=" if check.strictly else "")
        self.before.append(f"p{place} = None")
        line = f"if p{place} is not None and {value} {sign} p{place}: f{place} += 1\np{place} = {value}"
        self._line((check.column,), line, place)
        self._result(self._present((check.column,), place), f"f{place}")

    def _add_pattern(self, place: int, name: str, pattern: str, *, forbidden: bool) -> None:
        if name not in self.lists:
            self.lists[name] = f"x{len(self.lists)}"
            self.before.append(f"{self.lists[name]} = []")
            self._line((name,), f"{self.lists[name]}.append({self.source.column(name)})", place)
        self.patterns.append(_Pattern(place, pattern, forbidden, list(self.lists).index(name)))
        self._result(f"len({self.lists[name]})", "0")

    def _line(self, present: tuple[str, ...], line: str, place: int) -> None:
        for name in present:
            self.source.column(name)
        if f"f{place}" in line:
            self.before.append(f"f{place} = 0")
        self.inside.setdefault(tuple(dict.fromkeys(present)), []).append(line)

    def _present(self, columns: tuple[str, ...], place: int) -> str:
        """Return how many rows have a value in each of the columns."""
        if not columns:
            return "n"
        if len(columns) == 1:
            return f"(n - {self._gaps(columns[0])})"
        self.before.append(f"c{place} = 0")
        self.inside[tuple(dict.fromkeys(columns))].append(f"c{place} += 1")
        return f"c{place}"

    def _gaps(self, name: str) -> str:
        self.missing.add(name)
        return f"m_{self.source.column(name)}"

    def _result(self, checked: str, failing: str) -> None:
        self.results += [checked, failing]

    def compiled(self) -> Counting:
        """Return the function."""
        lines = ["def count(rows):", " n = len(rows)", *(f" {line}" for line in self.before)]
        lines += [f" {self._gaps(name)} = 0" for name in sorted(self.missing)]
        body = [*self.values(), *self._insides()]
        lines += [" for r in rows:", *(f"  {line}" for line in body)] if body else []
        gathered = ", ".join(self.lists.values())
        lines.append(
            f" return ({''.join(f'{result}, ' for result in self.results)}), ({gathered}{',' * bool(gathered)})"
        )
        made: Counting = _made(lines, self.source, "count")
        return made

    def values(self) -> list[str]:
        """Return lines that take the values of a row."""
        lines = []
        places = {name: place for place, name in enumerate(self.types)}
        for name, local in self.source.columns.items():
            lines.append(f"{local} = r.c{places[name]}" if self.as_fields else f"{local} = r.get({name!r})")
            if self.types.get(name) is ColumnType.FLOAT:
                lines.append(f"if {local} != {local}: {local} = None")
        return lines

    def _insides(self) -> list[str]:
        lines = []
        singles = {present[0]: found for present, found in self.inside.items() if len(present) == 1}
        for name in dict.fromkeys([*singles, *sorted(self.missing)]):
            local = self.source.column(name)
            if name in self.missing:
                lines += [f"if {local} is None: m_{local} += 1"]
            if name in singles:
                lines += ["else:" if name in self.missing else f"if {local} is not None:", *_indented(singles[name])]
        for present, found in self.inside.items():
            if len(present) == 1:
                continue
            if present:
                guard = " and ".join(f"{self.source.column(name)} is not None" for name in present)
                lines += [f"if {guard}:", *_indented(found)]
            else:
                lines += [line for each in found for line in each.splitlines()]
        return lines


def _indented(found: Sequence[str]) -> list[str]:
    return [f" {line}" for each in found for line in each.splitlines()]


def _pattern_of(rule: RowRule) -> tuple[str, str, bool] | None:
    match rule.fails:
        case Not(part=Fits(part=Column(name=name), pattern=pattern)):
            return name, pattern, False
        case Fits(part=Column(name=name), pattern=pattern):
            return name, pattern, True
        case _:
            return None


def _fitting(patterns: Sequence[_Pattern], texts: Sequence[list[str]]) -> list[int]:
    """Return for each pattern how many of its texts it fits."""
    if not patterns:
        return []
    if max(map(len, texts)) < COLUMN_ROWS_MIN:
        found = []
        for each in patterns:
            search = searcher_of(each.pattern).search
            found.append(sum(search(text) is not None for text in texts[each.list_place]))
        return found
    columns = [pa.array(column, pa.string()) for column in texts]
    return [pc.match_substring_regex(columns[each.list_place], pattern=each.pattern).true_count for each in patterns]
