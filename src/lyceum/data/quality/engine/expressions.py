"""Expressions that people write, read as Python's grammar has it and never run as Python.

`ast` parses the text; what comes out may hold columns, constants, comparisons, `and or not`, `in`, `is None`, the four
arithmetics and the functions of `FUNCTIONS`, and becomes a tree of `nodes`. Anything else is refused, by name.
"""

import ast
from functools import lru_cache
from math import inf
from typing import get_args

from lyceum.data.quality.engine.nodes import (
    All,
    Applied,
    Arithmetic,
    Column,
    Compared,
    Computed,
    Constant,
    Either,
    Fits,
    Function,
    Member,
    Missing,
    Node,
    Not,
    Operator,
)
from lyceum.data.quality.engine.patterns import require_pattern

EXPRESSION_CHARS_MAX = 2_000
EXPRESSION_NODES_MAX = 300
EXPRESSION_DEPTH_MAX = 40
FUNCTIONS = (*get_args(Function), "matches", "is_missing", "col")
_OPERATORS: dict[type[ast.cmpop], Operator] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.GtE: ">=",
    ast.Gt: ">",
}
_ARITHMETIC: dict[type[ast.operator], Arithmetic] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


@lru_cache(maxsize=1_000)
def parse_expression(text: str) -> Node:
    """Return the tree of the expression; raises ValueError with what cannot be used, and where."""
    if not 0 < len(text) <= EXPRESSION_CHARS_MAX:
        raise ValueError(f"an expression has between 1 and {EXPRESSION_CHARS_MAX:,} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as wrong:
        raise ValueError(f"the expression cannot be read at character {wrong.offset or 1}: {wrong.msg}") from None
    except (ValueError, MemoryError, RecursionError):
        raise ValueError("the expression cannot be read; it is nested too deeply, or holds a zero byte") from None
    _require_small(tree.body)
    return _node(tree.body)


def names_in(text: str) -> tuple[str, ...]:
    """Return the columns an expression reads, in the order of their first use."""
    found: dict[str, None] = {}
    waiting: list[object] = [parse_expression(text)]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Column):
            found[node.name] = None
        elif isinstance(node, All | Either):
            waiting = [*node.parts, *waiting]
        elif isinstance(node, Compared | Computed):
            waiting = [node.left, node.right, *waiting]
        elif isinstance(node, Not | Missing | Member | Fits | Applied):
            waiting.insert(0, node.part)
    return tuple(found)


def _require_small(body: ast.AST) -> None:
    level: list[ast.AST] = [body]
    depth = nodes = 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > EXPRESSION_DEPTH_MAX or nodes > EXPRESSION_NODES_MAX:
            raise ValueError("the expression is too large; split it into several checks")
        level = [
            child
            for parent in level
            for child in ast.iter_child_nodes(parent)
            if not isinstance(child, ast.operator | ast.cmpop | ast.unaryop | ast.boolop | ast.expr_context)
        ]


def _node(tree: ast.expr) -> Node:  # noqa: C901, PLR0911 - one case for each part of the grammar
    match tree:
        case ast.Name(id=name):
            return Column(name)
        case ast.Constant(value=bool() | int() | float() | str() as value) if value != inf:
            return Constant(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return Constant(-value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Computed("-", Constant(0.0), _node(operand))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Not(_node(operand))
        case ast.BoolOp(op=ast.And(), values=values):
            return All(tuple(map(_node, values)))
        case ast.BoolOp(op=ast.Or(), values=values):
            return Either(tuple(map(_node, values)))
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _ARITHMETIC:
            return Computed(_ARITHMETIC[type(op)], _node(left), _node(right))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [left, *comparators]
            parts = tuple(_comparison(sides[place], op, sides[place + 1]) for place, op in enumerate(ops))
            return parts[0] if len(parts) == 1 else All(parts)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            return _call(name, args)
    raise _refused(
        tree,
        f"cannot be used; there are columns, values, comparisons, and, or, not, in, + - * / and {', '.join(FUNCTIONS)}",
    )


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Node:
    if type(op) in _OPERATORS:
        if any(isinstance(side, ast.Constant) and side.value is None for side in (left, right)):
            raise _refused(right, "is compared with None; write `is None`, or `is not None`")
        return Compared(_OPERATORS[type(op)], _node(left), _node(right))
    if isinstance(op, ast.Is | ast.IsNot):
        if not (isinstance(right, ast.Constant) and right.value is None):
            raise _refused(right, "stands after `is`; only None does")
        missing = Missing(_node(left))
        return missing if isinstance(op, ast.Is) else Not(missing)
    if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not right.elts:
        raise _refused(right, "stands after `in`; a list of values does, such as ['a', 'b']")
    values = [_node(each) for each in right.elts]
    constants = tuple(each.value for each in values if isinstance(each, Constant))
    if len(constants) < len(values):
        raise _refused(right, "lists something else than values")
    member = Member(_node(left), constants)
    return member if isinstance(op, ast.In) else Not(member)


def _call(name: str, args: list[ast.expr]) -> Node:
    match name, args:
        case "col", [ast.Constant(value=str() as column)]:
            return Column(column)
        case "matches", [text, ast.Constant(value=str() as pattern)]:
            require_pattern(pattern)
            return Fits(_node(text), pattern)
        case "is_missing", [part]:
            return Missing(_node(part))
        case ("abs" | "length" | "lower" | "upper") as function, [part]:
            return Applied(function, _node(part))
    raise ValueError(
        f"{name}(…) is not given what it takes: matches(column, 'pattern'), col('name'), and one value to the others"
    )


def _refused(tree: ast.expr, why: str) -> ValueError:
    shown = ast.unparse(tree)
    return ValueError(f"in the expression, {shown[:60] + '…' if len(shown) > 60 else shown} {why}")
