"""The whole ensemble as one ONNX graph: features, trees, linear parts, links, weights, label."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from lyceum.serve.runtime.public import (
    CATEGORIES_INPUT,
    LABEL_OUTPUT,
    NUMBERS_INPUT,
    OUTCOME_KEY,
    PRESTEP_KEY,
    PROBABILITIES_OUTPUT,
    VALUE_OUTPUT,
    Outcome,
    label_array,
)
from lyceum.train.engine.encode import MISSING_CODE, CategoryCodes, Encoder
from lyceum.train.engine.export.nodes import ML_DOMAIN, GraphWriter
from lyceum.train.engine.export.scores import Features, WeightedPart, class_probabilities, summed_values


@dataclass(frozen=True, slots=True)
class Scale:
    """Regression members predict (target - mean) / deviation."""

    mean: float = 0.0
    deviation: float = 1.0


def ensemble_graph(parts: Sequence[WeightedPart], encoder: Encoder, outcome: Outcome, scale: Scale) -> onnx.ModelProto:
    """The ONNX model; its inputs and outputs are those that the runtime documents."""
    graph = GraphWriter()
    features = _features(graph, encoder)
    if outcome.task == "regression":
        outputs = [_value(graph, parts, features, scale)]
    else:
        outputs = _class_outputs(graph, parts, features, outcome)
    metadata = {
        PRESTEP_KEY: msgspec.json.encode(encoder.prestep).decode(),
        OUTCOME_KEY: msgspec.json.encode(outcome).decode(),
    }
    return graph.model(_inputs(encoder), outputs, metadata)


def _inputs(encoder: Encoder) -> list[onnx.ValueInfoProto]:
    inputs = []
    if len(encoder.centers):
        shape = [None, len(encoder.centers)]
        inputs.append(helper.make_tensor_value_info(NUMBERS_INPUT, TensorProto.DOUBLE, shape))
    if encoder.categories:
        shape = [None, len(encoder.categories)]
        inputs.append(helper.make_tensor_value_info(CATEGORIES_INPUT, TensorProto.STRING, shape))
    return inputs


def _features(graph: GraphWriter, encoder: Encoder) -> Features:
    """Numbers need no clipping here: beyond float32 they become infinite and fall on the same side of every split."""
    numbers = ""
    if len(encoder.centers):
        centered = NUMBERS_INPUT
        if encoder.centers.any():
            centered = graph.node("Sub", NUMBERS_INPUT, graph.constant(encoder.centers))
        numbers = graph.node("Cast", centered, to=TensorProto.FLOAT)
    if not encoder.categories:
        return Features(numbers, numbers)
    codes = _category_features(graph, encoder)
    return Features(graph.node("Concat", numbers, codes, axis=1) if numbers else codes, numbers)


def _category_features(graph: GraphWriter, encoder: Encoder) -> str:
    """Every text becomes a number shared by all columns; a table holds, for each number, the code in each column."""
    texts = sorted({encoder.prestep.missing_text, *(text for c in encoder.categories for text in c.texts)})
    numbers = {text: number for number, text in enumerate(texts, start=1)}
    wide = [position for position, c in enumerate(encoder.categories) if c.with_frequency]
    table = np.zeros((len(texts) + 1, len(encoder.categories) + len(wide)), dtype=np.float32)
    missing_row = numbers[encoder.prestep.missing_text]
    for column, categories in enumerate(encoder.categories):
        _fill_column(table[:, column], categories, numbers, missing_row, np.arange(categories.codes, dtype=np.float32))
    for column, position in enumerate(wide, start=len(encoder.categories)):
        categories = encoder.categories[position]
        _fill_column(table[:, column], categories, numbers, missing_row, categories.frequencies)
    ids = graph.node(
        "LabelEncoder",
        CATEGORIES_INPUT,
        domain=ML_DOMAIN,
        keys_strings=texts,
        values_int64s=list(numbers.values()),
        default_int64=0,
    )
    if wide:
        columns = np.array([*range(len(encoder.categories)), *wide], dtype=np.int64)
        ids = graph.node("Gather", ids, graph.constant(columns), axis=1)
    return graph.node("GatherElements", graph.constant(table), ids, axis=0)


def _fill_column(
    column: npt.NDArray[np.float32],
    categories: CategoryCodes,
    numbers: dict[str, int],
    missing_row: int,
    by_code: npt.NDArray[np.float32],
) -> None:
    for code, text in enumerate(categories.texts, start=MISSING_CODE + 1):
        column[numbers[text]] = by_code[code]
    # last, as it is in training, where the text for missing is never a category
    column[missing_row] = by_code[MISSING_CODE]


def _value(graph: GraphWriter, parts: Sequence[WeightedPart], features: Features, scale: Scale) -> onnx.ValueInfoProto:
    total = summed_values(graph, parts, features)
    flat = graph.node("Reshape", total, graph.constant(np.array([-1], dtype=np.int64)))
    exact = graph.node("Cast", flat, to=TensorProto.DOUBLE)
    spread = graph.node("Mul", exact, graph.constant(np.array(scale.deviation)))
    graph.node("Add", spread, graph.constant(np.array(scale.mean)), output=VALUE_OUTPUT)
    return helper.make_tensor_value_info(VALUE_OUTPUT, TensorProto.DOUBLE, [None])


def _class_outputs(
    graph: GraphWriter, parts: Sequence[WeightedPart], features: Features, outcome: Outcome
) -> list[onnx.ValueInfoProto]:
    classes = len(outcome.classes)
    class_probabilities(graph, parts, features, classes=classes, output=PROBABILITIES_OUTPUT)
    best = graph.node("ArgMax", PROBABILITIES_OUTPUT, axis=1, keepdims=0)
    labels = label_array(outcome.classes)
    graph.node("Gather", graph.constant(labels), best, output=LABEL_OUTPUT)
    label_type = TensorProto.STRING if labels.dtype == object else helper.np_dtype_to_tensor_dtype(labels.dtype)
    return [
        helper.make_tensor_value_info(LABEL_OUTPUT, label_type, [None]),
        helper.make_tensor_value_info(PROBABILITIES_OUTPUT, TensorProto.FLOAT, [None, classes]),
    ]
