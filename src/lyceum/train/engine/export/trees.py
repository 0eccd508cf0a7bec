"""All trees of all members in one TreeEnsemble node, which is what makes one row cheap."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import numpy_helper

from lyceum.train.engine.export.nodes import ML_DOMAIN, GraphWriter
from lyceum.train.engine.members.member import BRANCH_LEQ, BRANCH_MEMBER, Tree

_SUM, _NO_TRANSFORM = 1, 0


@dataclass(slots=True)
class Forest:
    """Trees with the columns of the node's output they add to."""

    columns: int = 0
    _trees: list[tuple[Tree, int, npt.NDArray[np.float64]]] = field(default_factory=list)

    def block(self, width: int) -> int:
        """Reserve columns; returns the first."""
        first = self.columns
        self.columns += width
        return first

    def add(self, trees: Sequence[Tree], *, first_column: int, scale: float = 1.0) -> None:
        """Trees with one score a leaf, summed into the columns from `first_column` on."""
        for tree in trees:
            self._trees.append((tree, first_column + tree.output, tree.leaves[:, 0] * scale))

    def add_indexed(self, trees: Sequence[Tree], *, first_column: int) -> npt.NDArray[np.float64]:
        """Trees with a row of scores a leaf: tree i writes the number of its leaf's row into column first + i.

        Returns the rows [leaves of all trees, width]. Row numbers are exact in float32 up to 2**24.
        """
        rows = 0
        for number, tree in enumerate(trees):
            leaves = len(tree.leaves)
            self._trees.append((tree, first_column + number, np.arange(rows, rows + leaves, dtype=np.float64)))
            rows += leaves
        return np.vstack([tree.leaves for tree in trees])

    def write(self, graph: GraphWriter, features: str) -> str:
        """The node; its output is [rows, columns] float32."""
        parts = [_with_a_node(tree, values) for tree, _, values in self._trees]
        node_starts = np.cumsum([0, *(len(tree.features) for tree, _ in parts)])[:-1]
        leaf_starts = np.cumsum([0, *(len(values) for _, values in parts)])[:-1]
        true_ids, true_is_leaf = _children([tree.true_children for tree, _ in parts], node_starts, leaf_starts)
        false_ids, false_is_leaf = _children([tree.false_children for tree, _ in parts], node_starts, leaf_starts)
        targets = [np.full(len(values), column) for (_, column, _), (_, values) in zip(self._trees, parts, strict=True)]
        attributes: dict[str, Any] = {
            "aggregate_function": _SUM,
            "post_transform": _NO_TRANSFORM,
            "n_targets": self.columns,
            "tree_roots": node_starts.tolist(),
            "nodes_featureids": np.concatenate([tree.features for tree, _ in parts]).tolist(),
            "nodes_splits": _tensor([tree.thresholds for tree, _ in parts], np.float32),
            "nodes_modes": _tensor([tree.modes for tree, _ in parts], np.uint8),
            "nodes_truenodeids": true_ids,
            "nodes_trueleafs": true_is_leaf,
            "nodes_falsenodeids": false_ids,
            "nodes_falseleafs": false_is_leaf,
            "nodes_missing_value_tracks_true": np.concatenate([t.missing_is_true for t, _ in parts])
            .astype(int)
            .tolist(),
            "leaf_targetids": np.concatenate(targets).tolist(),
            "leaf_weights": _tensor([values for _, values in parts], np.float32),
        }
        members = _membership([tree for tree, _ in parts])
        if members.size:
            attributes["membership_values"] = numpy_helper.from_array(members)
        return graph.node("TreeEnsemble", features, domain=ML_DOMAIN, **attributes)


def _with_a_node(tree: Tree, values: npt.NDArray[np.float64]) -> tuple[Tree, npt.NDArray[np.float64]]:
    """ONNX has no tree of a single leaf: such a tree gets one node with that leaf on both sides."""
    if len(tree.features):
        return tree, values
    one = Tree(
        features=np.zeros(1, dtype=np.int64),
        thresholds=np.zeros(1, dtype=np.float32),
        modes=np.full(1, BRANCH_LEQ, dtype=np.uint8),
        true_children=np.array([-1]),
        false_children=np.array([-2]),
        missing_is_true=np.zeros(1, dtype=np.bool_),
        leaves=np.repeat(tree.leaves, 2, axis=0),
    )
    return one, np.repeat(values, 2)


def _children(
    children: list[npt.NDArray[np.int64]], node_starts: npt.NDArray[Any], leaf_starts: npt.NDArray[Any]
) -> tuple[list[int], list[int]]:
    ids = [
        np.where(own >= 0, own + node_start, -own - 1 + leaf_start)
        for own, node_start, leaf_start in zip(children, node_starts, leaf_starts, strict=True)
    ]
    is_leaf = np.concatenate(children) < 0
    return np.concatenate(ids).tolist(), is_leaf.astype(int).tolist()


def _membership(trees: list[Tree]) -> npt.NDArray[np.float32]:
    """The sets of all BRANCH_MEMBER nodes in node order, each ended by NaN."""
    values: list[float] = []
    for tree in trees:
        for place in np.flatnonzero(tree.modes == BRANCH_MEMBER):
            values += [*tree.sets[int(place)], float("nan")]
    return np.array(values, dtype=np.float32)


def _tensor(parts: Sequence[npt.NDArray[Any]], dtype: type[np.generic]) -> Any:
    return numpy_helper.from_array(np.concatenate(parts).astype(dtype))
