"""A row's questions as Polars expressions."""

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

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
from lyceum.data.quality.engine.patterns import in_rust
from lyceum.data.quality.engine.rules import RowRule

COMPARED_ONE_BY_ONE_MAX = 8


def checked(rule: RowRule) -> pl.Expr:
    """Return the expression that is true for rows the rule decides on, and false for others."""
    asked = [pl.col(name).is_not_null() for name in rule.present]
    if rule.given is not None:
        asked.append(expression(rule.given).fill_null(value=False))
    return reduce(and_, asked) if asked else pl.lit(value=True)


def fails(rule: RowRule) -> pl.Expr:
    """Return the expression that is true for failing rows, and false for others."""
    wrong = expression(rule.fails).fill_null(value=False)
    return wrong if rule.decides_all else checked(rule) & wrong


def expression(node: Node) -> pl.Expr:  # noqa: C901, PLR0911 - one case for each node
    """Return what the node asks of a row of a table as `as_plain` makes it."""
    match node:
        case Column(name=name):
            return pl.col(name)
        case Constant(value=value):
            return pl.lit(value)
        case Compared(operator=operator, left=left, right=right):
            return _compared(operator, expression(left), expression(right))
        case All(parts=parts):
            return reduce(and_, map(expression, parts), pl.lit(value=True))
        case Either(parts=parts):
            return reduce(or_, map(expression, parts)) if parts else pl.lit(value=False)
        case Not(part=part):
            return ~expression(part)
        case Missing(part=part):
            return expression(part).is_null()
        case Member(part=part, values=values):
            return _member(expression(part), values)
        case Fits(part=part, pattern=pattern):
            return expression(part).str.contains(in_rust(pattern))
        case Computed(operator=operator, left=left, right=right):
            return _computed(operator, expression(left), expression(right))
        case Applied(function=function, part=part):
            return _applied(function, expression(part))
        case AsFloat(part=part):
            return expression(part).cast(pl.Float64)


def _member(part: pl.Expr, values: Sequence[Any]) -> pl.Expr:
    """Return whether a value is one of some; to compare with a few texts takes a third of a look into a hash table."""
    if 0 < len(values) <= COMPARED_ONE_BY_ONE_MAX and all(isinstance(value, str) for value in values):
        found: pl.Expr = reduce(or_, (part == value for value in values))
        return found
    return part.is_in(pl.Series(values).implode())


def _compared(operator: str, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    match operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case "==":
            return left == right
        case "!=":
            return left != right
        case ">=":
            return left >= right
        case _:
            return left > right


def _computed(operator: str, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    match operator:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case _:
            result = left / pl.when(right != 0).then(right)
    return result.fill_nan(None)


def _applied(function: str, part: pl.Expr) -> pl.Expr:
    match function:
        case "abs":
            return part.abs()
        case "length":
            return part.str.len_chars().cast(pl.Int64)
        case "lower":
            return part.str.to_lowercase()
        case _:
            return part.str.to_uppercase()
