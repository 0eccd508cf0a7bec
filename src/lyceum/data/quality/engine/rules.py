"""What each kind of check asks of a single row, as a tree that all back ends share."""

from dataclasses import dataclass
from datetime import datetime, time
from math import inf

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.checks import (
    Check,
    Completeness,
    Conditional,
    CrossColumn,
    Expression,
    InSet,
    Length,
    NotNull,
    Range,
    Regex,
    Type,
    unknown_column,
)
from lyceum.data.quality.engine.expressions import parse_expression
from lyceum.data.quality.engine.nodes import (
    NUMBERS,
    TIMES,
    WHOLE_NUMBERS,
    All,
    Applied,
    AsFloat,
    CannotRun,
    Column,
    Compared,
    Constant,
    Either,
    Fits,
    Member,
    Missing,
    Node,
    Not,
    Operator,
    Types,
    bound,
    members,
    moment,
)

FORMS = {
    "integer": r"^[+-]?[0-9]+$",
    "float": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$",
    "boolean": r"^(true|false|True|False|TRUE|FALSE|0|1)$",
    "date": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
    "timestamp": (
        r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9]"
        r"(:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$"
    ),
}
"""What a text looks like that can be read as the type; days are not looked up in the calendar."""
_PAST_MIDNIGHT: dict[str, Operator] = {"<": "<=", "<=": "<=", ">": ">", ">=": ">"}


@dataclass(frozen=True, slots=True)
class RowRule:
    """Which rows are decided on, and which of them fail."""

    present: tuple[str, ...]
    """Columns that hold a value in every row decided on."""
    fails: Node
    given: Node | None = None
    """True for the rows decided on; None for no more conditions."""

    @property
    def decides_all(self) -> bool:
        """Whether every row is decided on."""
        return not self.present and self.given is None


def rule_of(  # noqa: C901, PLR0911 - one case for each kind
    check: Check, types: dict[str, ColumnType | None]
) -> RowRule | None:
    """Return what the check asks of a row, or None when it needs more than one; raises CannotRun for a misfit."""
    known = {name: kind for name, kind in types.items() if kind is not None}
    match check:
        case NotNull(column=name) | Completeness(column=name):
            return RowRule((), Missing(Column(name)))
        case Range(column=name):
            return RowRule((name,), _outside(check, known[name]))
        case InSet(column=name):
            allowed = members(check.values, known[name], f"'{name}'")
            return RowRule((name,), Not(Member(Column(name), tuple(allowed))))
        case Length(column=name):
            return RowRule((name,), _of_another_length(check, known[name]))
        case Regex(column=name):
            if known[name] is not ColumnType.STRING:
                raise CannotRun(f"fits a pattern to '{name}', which holds {known[name]} values; a pattern is for texts")
            fits = Fits(Column(name), check.pattern)
            return RowRule((name,), fits if check.forbidden else Not(fits))
        case Type(column=name):
            return RowRule((name,), _of_another_type(check, known[name]))
        case CrossColumn():
            compared = _bound(Compared(check.operator, Column(check.left), Column(check.right)), known)
            return RowRule((check.left, check.right), Not(compared))
        case Expression():
            holds = _bound(parse_expression(check.expression), known)
            return RowRule((), Not(holds), given=Not(Missing(holds)))
        case Conditional():
            then = _bound(parse_expression(check.then), known)
            when = _bound(parse_expression(check.when), known)
            return RowRule((), Not(then), given=All((when, Not(Missing(then)))))
        case _:
            return None


def unreadable(check: Check, types: dict[str, ColumnType | None]) -> str | None:
    """Return why the check cannot read its columns, or None when it can."""
    partition = getattr(check, "partition_by", None)
    for name in (*check.subjects(), *([partition] if partition else [])):
        if name not in types:
            return f"The check reads the column '{name}', {unknown_column(name, list(types))}."
        if types[name] is None:
            return f"The check reads the column '{name}', which holds lists, structs or bytes."
    return None


def _bound(node: Node, types: Types) -> Node:
    truth, kind = bound(node, types)
    if kind is not ColumnType.BOOLEAN:
        raise CannotRun(f"has an expression that is no question: it gives {kind} values, not true or false")
    return truth


def _outside(check: Range, kind: ColumnType) -> Node:
    value, name = Column(check.column), check.column
    sides: list[Node] = []
    if check.min is not None:
        end, as_floats = _end(check.min, kind, name)
        left: Node = AsFloat(value) if as_floats else value
        sides.append(_compared("<" if check.min_inclusive else "<=", left, end, kind))
    if check.max is not None:
        end, as_floats = _end(check.max, kind, name)
        left = AsFloat(value) if as_floats else value
        sides.append(_compared(">" if check.max_inclusive else ">=", left, end, kind))
    return Either(tuple(sides))


def _compared(operator: Operator, left: Node, end: Constant, kind: ColumnType) -> Node:
    """Return the comparison; days are compared with days, and a time of day lies after its day's beginning."""
    if kind is not ColumnType.DATE:
        return Compared(operator, left, end)
    at: datetime = end.value
    midnight = at.time() == time()
    return Compared(operator if midnight else _PAST_MIDNIGHT[operator], left, Constant(at.date()))


def _end(end: float | str, kind: ColumnType, name: str) -> tuple[Constant, bool]:
    """Return a bound in the column's type, and whether whole numbers are compared with it as floats."""
    if kind in TIMES:
        if not isinstance(end, str):
            raise CannotRun(f"gives the number {end} as a bound of '{name}', which holds dates; write it as 2024-12-31")
        return Constant(moment(end, kind, name)), False
    if kind not in NUMBERS:
        raise CannotRun(f"compares '{name}' with bounds, but it holds {kind} values; a range is for numbers and dates")
    if isinstance(end, str):
        raise CannotRun(f"gives the text '{end}' as a bound of '{name}', which holds numbers")
    if isinstance(end, int) and kind is ColumnType.INTEGER:
        # beyond all numbers of the column, one end is as good as another
        return (Constant(end), False) if end in WHOLE_NUMBERS else (Constant(_infinity(end)), True)
    try:
        return Constant(float(end)), kind is ColumnType.INTEGER
    except OverflowError:
        return Constant(_infinity(end)), kind is ColumnType.INTEGER


def _infinity(end: float) -> float:
    return inf if end > 0 else -inf


def _of_another_length(check: Length, kind: ColumnType) -> Node:
    if kind is not ColumnType.STRING:
        raise CannotRun(f"measures the length of '{check.column}', which holds {kind} values; a length is for texts")
    length = Applied("length", Column(check.column))
    low = () if check.min is None else (Compared("<", length, Constant(check.min)),)
    high = () if check.max is None else (Compared(">", length, Constant(check.max)),)
    return Either((*low, *high))


def _of_another_type(check: Type, kind: ColumnType) -> Node:
    wanted = check.type
    fits = kind.value.startswith(wanted) or (wanted == "float" and kind is ColumnType.INTEGER)
    if fits or kind is not ColumnType.STRING:
        return Constant(not fits)
    return Not(Fits(Column(check.column), FORMS[wanted]))
