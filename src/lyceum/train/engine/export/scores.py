"""Members to scores in few nodes: on one row every node costs a microsecond, whatever it computes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from lyceum.train.engine.export.nodes import GraphWriter
from lyceum.train.engine.export.trees import Forest
from lyceum.train.engine.members.member import BRANCH_EQ, Anatomy, LinearSum, Tree, TreeSum

Table = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WeightedPart:
    """One member of the ensemble and its share."""

    weight: float
    anatomy: Anatomy


@dataclass(frozen=True, slots=True)
class Features:
    """Tensors [rows, features] float32; `numbers` are the leading features, empty when there are none."""

    all: str
    numbers: str


def summed_values(graph: GraphWriter, parts: Sequence[WeightedPart], features: Features) -> str:
    """The weighted sum of regression members, [rows, 1]: all of them share one column of the trees' node."""
    forest = Forest()
    column = forest.block(1)
    slopes = []
    for part in parts:
        forest.add(_narrow_trees(part.anatomy), first_column=column, scale=part.weight)
        if isinstance(part.anatomy, LinearSum):
            slopes.append(_Slope(part.anatomy, column, part.weight))
    return _with_slopes(graph, forest.write(graph, features.all), slopes, features, columns=1)


def class_probabilities(
    graph: GraphWriter, parts: Sequence[WeightedPart], features: Features, *, classes: int, output: str
) -> None:
    """Probabilities [rows, classes] under the name `output`."""
    width = 1 if classes == 2 else classes
    plan = _Plan(width)
    for part in parts:
        plan.add(part)
    logits, votes = plan.write(graph, features)
    if width == 1:
        _two_class_output(graph, plan, logits, votes, output)
    else:
        _many_class_output(graph, plan, logits, votes, output)


@dataclass(frozen=True, slots=True)
class _Slope:
    """A linear member's number part, added to `column` and the following ones."""

    linear: LinearSum
    column: int
    scale: float = 1.0


class _Plan:
    """Which columns of the trees' node each member adds to: logits member by member, then votes, then leaf numbers."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.weights: list[float] = []
        self._logits: list[WeightedPart] = []
        self._votes: list[WeightedPart] = []
        self._wide_logits: list[WeightedPart] = []
        self._wide_votes: list[WeightedPart] = []

    def add(self, part: WeightedPart) -> None:
        """Sort a member into one of four kinds: probabilities or logits, one score a leaf or a row of them."""
        wide = isinstance(part.anatomy, TreeSum) and any(t.leaves.shape[1] > 1 for t in part.anatomy.trees)
        if part.anatomy.link == "identity":
            (self._wide_votes if wide else self._votes).append(part)
        else:
            (self._wide_logits if wide else self._logits).append(part)

    def write(self, graph: GraphWriter, features: Features) -> tuple[str, list[str]]:
        """The logits of all members side by side (empty when there are none), and tensors of votes already weighted."""
        self.weights = [part.weight for part in (*self._logits, *self._wide_logits)]
        forest, slopes = Forest(), []
        for part in self._logits:
            column = forest.block(self.width)
            forest.add(_narrow_trees(part.anatomy), first_column=column)
            if isinstance(part.anatomy, LinearSum):
                slopes.append(_Slope(part.anatomy, column))
        widths = [forest.columns] if self._logits else []
        if self._votes:
            widths.append(self.width)
            column = forest.block(self.width)
            for part in self._votes:
                forest.add(_narrow_trees(part.anatomy), first_column=column, scale=part.weight)
        tables = [self._indexed(forest, part, widths) for part in (*self._wide_logits, *self._wide_votes)]
        blocks = graph.split(forest.write(graph, features.all), widths)
        logits = []
        if self._logits:
            logits.append(_with_slopes(graph, blocks.pop(0), slopes, features, columns=widths[0]))
        votes = [blocks.pop(0)] if self._votes else []
        rows = [_looked_up(graph, block, table) for block, table in zip(blocks, tables, strict=True)]
        logits += rows[: len(self._wide_logits)]
        votes += rows[len(self._wide_logits) :]
        return _joined(graph, logits), votes

    def _indexed(self, forest: Forest, part: WeightedPart, widths: list[int]) -> Table:
        trees = _with_base(part.anatomy)
        widths.append(len(trees))
        table = forest.add_indexed(trees, first_column=forest.block(len(trees)))
        return table * part.weight if part.anatomy.link == "identity" else table


def _two_class_output(graph: GraphWriter, plan: _Plan, logits: str, votes: list[str], output: str) -> None:
    """One matrix product gives both columns: [1 - p, p] = [1, 0] + shares @ [-w, w]."""
    shares = [graph.node("Sigmoid", logits)] if logits else []
    weights = np.array([*plan.weights, *(1.0 for _ in votes)], dtype=np.float32)
    both = np.stack([-weights, weights], axis=1)
    start = graph.constant(np.array([1, 0], dtype=np.float32))
    graph.node("Gemm", _joined(graph, [*shares, *votes]), graph.constant(both), start, output=output)


def _many_class_output(graph: GraphWriter, plan: _Plan, logits: str, votes: list[str], output: str) -> None:
    pieces = list(votes)
    if logits:
        shape = graph.constant(np.array([-1, len(plan.weights), plan.width], dtype=np.int64))
        shares = graph.node("Softmax", graph.node("Reshape", logits, shape), axis=2)
        weights = np.array(plan.weights, dtype=np.float32)[None, :, None]
        weighted = graph.node("Mul", shares, graph.constant(weights))
        pieces.append(_summed(graph, weighted))
    graph.node("Sum", *pieces, output=output)


def _with_slopes(graph: GraphWriter, block: str, slopes: list[_Slope], features: Features, *, columns: int) -> str:
    """The block plus every linear member's number part, as one matrix product a member."""
    for slope in slopes:
        linear = slope.linear
        if not len(linear.means):
            continue
        weights = np.zeros((len(linear.means), columns), dtype=np.float32)
        weights[:, slope.column : slope.column + linear.number_weights.shape[1]] = linear.number_weights * slope.scale
        block = graph.node("Gemm", _scaled(graph, linear, features), graph.constant(weights), block)
    return block


def _scaled(graph: GraphWriter, linear: LinearSum, features: Features) -> str:
    centered = graph.node("Sub", features.numbers, graph.constant(linear.means))
    scaled = graph.node("Mul", centered, graph.constant(linear.scales))
    bounds = (graph.constant(np.array(bound, dtype=np.float32)) for bound in (-linear.clip, linear.clip))
    clipped = graph.node("Clip", scaled, *bounds)
    zero = graph.constant(np.array(0, dtype=np.float32))
    return graph.node("Where", graph.node("IsNaN", clipped), zero, clipped)


def _narrow_trees(anatomy: Anatomy) -> list[Tree]:
    """The member as trees of one score a leaf, its base included; indicators of a linear member become stumps."""
    if isinstance(anatomy, TreeSum):
        return _with_base(anatomy)
    outputs = anatomy.base.shape[0]
    stumps = [_constant_tree(float(anatomy.base[output]), output) for output in range(outputs)]
    for feature, code, weights in zip(
        anatomy.one_hot_features, anatomy.one_hot_codes, anatomy.one_hot_weights, strict=True
    ):
        stumps += [_stump(int(feature), code, float(weight), output) for output, weight in enumerate(weights)]
    return stumps


def _with_base(anatomy: Anatomy) -> list[Tree]:
    """The trees with the base added to the leaves of the first tree of each output."""
    trees = list(anatomy.trees) if isinstance(anatomy, TreeSum) else []
    if not np.any(anatomy.base):
        return trees
    if trees and trees[0].leaves.shape[1] > 1:
        return [replace(trees[0], leaves=trees[0].leaves + anatomy.base), *trees[1:]]
    return [*trees, *(_constant_tree(float(value), output) for output, value in enumerate(anatomy.base))]


def _constant_tree(value: float, output: int) -> Tree:
    none = np.zeros(0, dtype=np.int64)
    return Tree(
        features=none,
        thresholds=none.astype(np.float32),
        modes=none.astype(np.uint8),
        true_children=none,
        false_children=none,
        missing_is_true=none.astype(np.bool_),
        leaves=np.array([[value]]),
        output=output,
    )


def _stump(feature: int, code: np.float32, weight: float, output: int) -> Tree:
    return Tree(
        features=np.array([feature]),
        thresholds=np.array([code], dtype=np.float32),
        modes=np.array([BRANCH_EQ], dtype=np.uint8),
        true_children=np.array([-1]),
        false_children=np.array([-2]),
        missing_is_true=np.zeros(1, dtype=np.bool_),
        leaves=np.array([[weight], [0.0]]),
        output=output,
    )


def _looked_up(graph: GraphWriter, leaf_numbers: str, table: Table) -> str:
    """The sum over trees of the rows their leaves stand for: [rows, width]."""
    rows = graph.node("Cast", leaf_numbers, to=TensorProto.INT64)
    return _summed(graph, graph.node("Gather", graph.constant(table.astype(np.float32)), rows, axis=0))


def _summed(graph: GraphWriter, tensor: str) -> str:
    return graph.node("ReduceSum", tensor, graph.constant(np.array([1], dtype=np.int64)), keepdims=0)


def _joined(graph: GraphWriter, tensors: list[str]) -> str:
    if len(tensors) > 1:
        return graph.node("Concat", *tensors, axis=1)
    return tensors[0] if tensors else ""
