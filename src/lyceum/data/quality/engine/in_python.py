"""A row's questions as Python source, for batches too small for a data frame to pay.

The source is made from checked trees alone: names and values of people enter it only as literals by `repr`, or as objects
it refers to by a number.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from math import isfinite
from typing import Any

from lyceum.data.quality.engine.nodes import (
    All,
    Applied,
    AsFloat,
    Column,
    Compared,
    Computed,
    Constant,
    Either,
    Fits,
    Member,
    Missing,
    Node,
    Not,
)
from lyceum.data.quality.engine.patterns import searcher_of


def known_all(*parts: bool | None) -> bool | None:
    """Return Kleene's conjunction."""
    if False in parts:
        return False
    return None if None in parts else True


def known_any(*parts: bool | None) -> bool | None:
    """Return Kleene's disjunction."""
    if True in parts:
        return True
    return None if None in parts else False


def add(left: float | None, right: float | None) -> float | None:
    """Return the sum; None without a number."""
    return None if left is None or right is None else _number(left + right)


def subtract(left: float | None, right: float | None) -> float | None:
    """Return the difference; None without a number."""
    return None if left is None or right is None else _number(left - right)


def multiply(left: float | None, right: float | None) -> float | None:
    """Return the product; None without a number."""
    return None if left is None or right is None else _number(left * right)


def divide(left: float | None, right: float | None) -> float | None:
    """Return the quotient; None without a number, as of a division by zero."""
    return None if left is None or right is None or right == 0 else _number(left / right)


def _number(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - only NaN differs from itself


_FUNCTIONS: dict[str, Callable[..., Any]] = {"abs": abs, "length": len, "lower": str.lower, "upper": str.upper}
_ARITHMETIC: dict[str, Callable[..., Any]] = {"+": add, "-": subtract, "*": multiply, "/": divide}


@dataclass(slots=True)
class Source:
    """What generated source refers to: columns by local name, objects by number."""

    columns: dict[str, str] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    _numbers: Iterable[int] = field(default_factory=count)

    def column(self, name: str) -> str:
        """Return the local name that holds a column's value."""
        return self.columns.setdefault(name, f"v{len(self.columns)}")

    def object(self, thing: Any) -> str:
        """Return a name for the object."""
        name = f"k{len(self.objects)}"
        self.objects[name] = thing
        return name

    def local(self) -> str:
        """Return a local name that is used nowhere else."""
        return f"t{next(iter(self._numbers))}"


def text_of(node: Node, source: Source, present: frozenset[str]) -> str:  # noqa: C901, PLR0911, PLR0912 - one case a node
    """Return the node as source; columns in `present` hold a value wherever it runs."""
    match node:
        case Column(name=name):
            return source.column(name)
        case Constant(value=value):
            return _literal(value, source)
        case Compared(operator=operator, left=left, right=right):
            return _guarded(source, present, (left, right), lambda one, other: f"{one} {operator} {other}")
        case All(parts=parts):
            if not parts:
                return "True"
            return _joined(parts, source, present, " and ", known_all)
        case Either(parts=parts):
            return _joined(parts, source, present, " or ", known_any) if parts else "False"
        case Not(part=part):
            return _guarded(source, present, (part,), lambda one: f"not {one}")
        case Missing(part=part):
            return f"({text_of(part, source, present)} is None)"
        case Member(part=part, values=values):
            allowed = source.object(frozenset(values))
            return _guarded(source, present, (part,), lambda one: f"{one} in {allowed}")
        case Fits(part=part, pattern=pattern):
            search = source.object(searcher_of(pattern).search)
            return _guarded(source, present, (part,), lambda one: f"{search}({one}) is not None")
        case Computed(operator=operator, left=left, right=right):
            sides = ", ".join(text_of(side, source, present) for side in (left, right))
            return f"{source.object(_ARITHMETIC[operator])}({sides})"
        case Applied(function=function, part=part):
            applied = source.object(_FUNCTIONS[function])
            return _guarded(source, present, (part,), lambda one: f"{applied}({one})")
        case AsFloat(part=part):
            floated = source.object(float)
            return _guarded(source, present, (part,), lambda one: f"{floated}({one})")


def may_be_none(node: Node, present: frozenset[str]) -> bool:
    """Return whether the node may have no value where the columns in `present` have one."""
    match node:
        case Column(name=name):
            return name not in present
        case Constant() | Missing():
            return False
        case Computed():
            return True
        case All(parts=parts) | Either(parts=parts):
            return any(may_be_none(part, present) for part in parts)
        case Compared(left=left, right=right):
            return may_be_none(left, present) or may_be_none(right, present)
        case _:
            return may_be_none(node.part, present)


def _literal(value: Any, source: Source) -> str:
    if isinstance(value, float) and not isfinite(value):
        return source.object(value)
    return repr(value) if isinstance(value, bool | int | float | str) else source.object(value)


def _guarded(source: Source, present: frozenset[str], parts: tuple[Node, ...], written: Callable[..., str]) -> str:
    """Return what is written of the parts, or None where one of them is."""
    texts, unknown = [], []
    for part in parts:
        text = text_of(part, source, present)
        if may_be_none(part, present):
            name = source.local()
            unknown.append(f"({name} := {text}) is None")
            text = name
        texts.append(text)
    inner = written(*texts)
    return f"(None if {' or '.join(unknown)} else {inner})" if unknown else f"({inner})"


def _joined(
    parts: tuple[Node, ...], source: Source, present: frozenset[str], word: str, known: Callable[..., Any]
) -> str:
    texts = [text_of(part, source, present) for part in parts]
    if any(may_be_none(part, present) for part in parts):
        return f"{source.object(known)}({', '.join(texts)})"
    return f"({word.join(texts)})"
