"""What a row is asked, as a tree that every back end reads: compared, combined, and given types.

A node has a value or none. None comes of a missing value, of a division by zero and of what is not a number; it
spreads through what is computed from it, and `and`, `or` and `not` treat it as unknown (Kleene), as SQL does.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal

from lyceum.data.datasets.reading.public import ColumnType

Operator = Literal["<", "<=", "==", "!=", ">=", ">"]
Arithmetic = Literal["+", "-", "*", "/"]
Function = Literal["abs", "length", "lower", "upper"]
NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.FLOAT})
TIMES = frozenset({ColumnType.DATE, ColumnType.TIMESTAMP, ColumnType.TIMESTAMP_UTC})

WHOLE_NUMBERS = range(-(2**63), 2**63)


class CannotRun(ValueError):
    """The check does not fit the table; the text says why, to follow the check's name."""


@dataclass(frozen=True, slots=True)
class Column:
    """The row's value of a column."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same for all rows."""

    value: Any


@dataclass(frozen=True, slots=True)
class Compared:
    """How two values of one type compare; texts by code points."""

    operator: Operator
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class All:
    """Whether all parts are true; true without any."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Whether one of the parts is true; false without any."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of what is true or false."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether there is no value; itself always true or false."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Member:
    """Whether the value is one of `values`, which are of its type."""

    part: "Node"
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Fits:
    """Whether a pattern fits somewhere in the text."""

    part: "Node"
    pattern: str


@dataclass(frozen=True, slots=True)
class Computed:
    """Arithmetic in 64-bit floats."""

    operator: Arithmetic
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Applied:
    """A function of one value."""

    function: Function
    part: "Node"


@dataclass(frozen=True, slots=True)
class AsFloat:
    """A whole number as a 64-bit float."""

    part: "Node"


Node = Column | Constant | Compared | All | Either | Not | Missing | Member | Fits | Computed | Applied | AsFloat
Types = dict[str, ColumnType]


def bound(node: Node, types: Types) -> tuple[Node, ColumnType]:  # noqa: C901, PLR0911, PLR0912 - one case a node
    """Return the node with its constants in the types they are compared with, and its own type; raises CannotRun."""
    match node:
        case Column(name=name):
            return node, types[name]
        case Constant(value=value):
            return node, _type_of(value)
        case Compared(operator=operator, left=left, right=right):
            return _compared(operator, bound(left, types), bound(right, types)), ColumnType.BOOLEAN
        case All(parts=parts):
            return All(tuple(_truth(part, types) for part in parts)), ColumnType.BOOLEAN
        case Either(parts=parts):
            return Either(tuple(_truth(part, types) for part in parts)), ColumnType.BOOLEAN
        case Not(part=part):
            return Not(_truth(part, types)), ColumnType.BOOLEAN
        case Missing(part=part):
            return Missing(bound(part, types)[0]), ColumnType.BOOLEAN
        case Member(part=part, values=values):
            inner, kind = bound(part, types)
            return Member(inner, tuple(members(values, kind, said(part)))), ColumnType.BOOLEAN
        case Fits(part=part):
            return Fits(_of_type(part, types, ColumnType.STRING, "fits a pattern to"), node.pattern), ColumnType.BOOLEAN
        case Computed(operator=operator, left=left, right=right):
            return Computed(operator, _number(left, types), _number(right, types)), ColumnType.FLOAT
        case Applied(function="abs", part=part):
            return Applied("abs", _number(part, types)), ColumnType.FLOAT
        case Applied(function=function, part=part):
            kind = ColumnType.INTEGER if function == "length" else ColumnType.STRING
            return Applied(function, _of_type(part, types, ColumnType.STRING, f"asks {function} of")), kind
        case AsFloat(part=part):
            return AsFloat(bound(part, types)[0]), ColumnType.FLOAT


def _compared(operator: Operator, left: tuple[Node, ColumnType], right: tuple[Node, ColumnType]) -> Node:
    (one, kind), (other, other_kind) = left, right
    if kind in TIMES and isinstance(other, Constant):
        return Compared(operator, one, _moment_of(other, kind, said(one)))
    if other_kind in TIMES and isinstance(one, Constant):
        return Compared(operator, _moment_of(one, other_kind, said(other)), other)
    if {kind, other_kind} <= NUMBERS:
        if kind is not other_kind:
            one, other = _as_float(one, kind), _as_float(other, other_kind)
        return Compared(operator, one, other)
    if kind is not other_kind:
        raise CannotRun(f"compares {said(one)} ({kind}) with {said(other)} ({other_kind}); compare values of one type")
    if kind is ColumnType.BOOLEAN and operator not in {"==", "!="}:
        raise CannotRun(f"asks which of {said(one)} and {said(other)} is greater, but they are true or false")
    return Compared(operator, one, other)


def _truth(part: Node, types: Types) -> Node:
    inner, kind = bound(part, types)
    if kind is not ColumnType.BOOLEAN:
        raise CannotRun(f"takes {said(part)} for true or false, but it holds {kind} values; compare it with something")
    return inner


def _of_type(part: Node, types: Types, wanted: ColumnType, doing: str) -> Node:
    inner, kind = bound(part, types)
    if kind is not wanted:
        raise CannotRun(f"{doing} {said(part)}, which holds {kind} values, not {wanted}")
    return inner


def _number(part: Node, types: Types) -> Node:
    inner, kind = bound(part, types)
    if kind not in NUMBERS:
        raise CannotRun(f"calculates with {said(part)}, which holds {kind} values")
    return _as_float(inner, kind)


def _as_float(node: Node, kind: ColumnType) -> Node:
    if isinstance(node, Constant):
        return Constant(float(node.value))
    return node if kind is ColumnType.FLOAT else AsFloat(node)


def _moment_of(node: Constant, kind: ColumnType, where: str) -> Constant:
    if not isinstance(node.value, str):
        raise CannotRun(f"compares {where}, which holds dates, with {node.value!r}; write it as '2024-12-31'")
    at = moment(node.value, kind, where.strip("'"))
    if kind is ColumnType.DATE and isinstance(at, datetime):
        if at.time() != time():
            raise CannotRun(f"compares {where}, which holds days, with a time of day; leave it out of '{node.value}'")
        at = at.date()
    return Constant(at)


def _type_of(value: Any) -> ColumnType:
    if isinstance(value, bool):
        return ColumnType.BOOLEAN
    if isinstance(value, int):
        if value not in WHOLE_NUMBERS:
            raise CannotRun(f"uses the number {str(value)[:20]}…, which is beyond 64 bits")
        return ColumnType.INTEGER
    return ColumnType.FLOAT if isinstance(value, float) else ColumnType.STRING


def said(node: Node) -> str:
    """Return what a person calls the node."""
    match node:
        case Column(name=name):
            return f"'{name}'"
        case Constant(value=value):
            return f"the value {value!r}"
        case AsFloat(part=part):
            return said(part)
        case Applied(function=function, part=part):
            return f"{function}({said(part)})"
        case _:
            return "what is computed"


def moment(text: str, kind: ColumnType, name: str) -> date | datetime:
    """Return the date or time that an ISO text names, in the type of the column `name`; raises CannotRun."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CannotRun(f"gives '{text}' as a bound of '{name}', which is no date; write it as 2024-12-31") from None
    if kind is ColumnType.TIMESTAMP_UTC:
        try:
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        except OverflowError:
            raise CannotRun(f"gives '{text}' for '{name}', which is outside the years 1 to 9999 in UTC") from None
    if at.tzinfo:
        raise CannotRun(f"gives a bound with an offset for '{name}', whose times have none; leave the offset out")
    return at


def members(values: tuple[Any, ...], kind: ColumnType, where: str) -> list[Any]:
    """Return a set's values in the type they are compared with; what can never be equal to one is an error."""
    fits: dict[ColumnType, tuple[type, ...]] = {
        ColumnType.BOOLEAN: (bool,),
        ColumnType.INTEGER: (int,),
        ColumnType.FLOAT: (int, float),
    }
    wanted = fits.get(kind, (str,))
    for value in values:
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not ColumnType.BOOLEAN):
            raise CannotRun(f"lists {value!r} for {where}, which holds {kind} values")
        if kind is ColumnType.INTEGER and value not in WHOLE_NUMBERS:
            raise CannotRun(f"lists a number beyond 64 bits for {where}, which no value can be equal to")
    if kind is ColumnType.FLOAT:
        try:
            return [float(value) for value in values]
        except OverflowError:
            raise CannotRun(f"lists a number beyond all floats for {where}, which no value can be equal to") from None
    if kind in TIMES:
        moments = [moment(str(value), kind, where.strip("'")) for value in values]
        return [at.date() for at in moments if isinstance(at, datetime)] if kind is ColumnType.DATE else moments
    return list(values)
