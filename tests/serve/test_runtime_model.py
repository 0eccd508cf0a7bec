"""A small hand-made model: loading, answering, describing itself, comparing answers."""

from pathlib import Path

import msgspec
import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper

from lyceum.serve.runtime.public import (
    OUTCOME_KEY,
    PRESTEP_KEY,
    Answers,
    CategoryColumn,
    ClassPrediction,
    NotServable,
    NumberColumn,
    OnnxModel,
    Outcome,
    PreStep,
    ValuePrediction,
    compare,
)

PRESTEP = PreStep(
    columns=(
        NumberColumn("rooms", integer=True, nullable=False, example=3),
        NumberColumn("area", example=71.5),
        CategoryColumn("city", example="Lyon", choices=("Lyon", "Graz")),
    )
)


def graph(*, task: str) -> bytes:
    """Sums the numbers; as classes, the share of each number in the sum."""
    inputs = [
        helper.make_tensor_value_info("numbers", TensorProto.DOUBLE, [None, 2]),
        helper.make_tensor_value_info("categories", TensorProto.STRING, [None, 1]),
    ]
    if task == "regression":
        nodes = [helper.make_node("ReduceSum", ["numbers", "axis"], ["value"], keepdims=0)]
        outputs = [helper.make_tensor_value_info("value", TensorProto.DOUBLE, [None])]
    else:
        nodes = [
            helper.make_node("ReduceSum", ["numbers", "axis"], ["sum"], keepdims=1),
            helper.make_node("Div", ["numbers", "sum"], ["shares"]),
            helper.make_node("Cast", ["shares"], ["probabilities"], to=TensorProto.FLOAT),
        ]
        outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])]
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    model = helper.make_model(
        helper.make_graph(nodes, "sum", inputs, outputs, [axis]),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    outcome = Outcome("price", "regression") if task == "regression" else Outcome("sold", "binary", (False, True))
    helper.set_model_props(
        model,
        {PRESTEP_KEY: msgspec.json.encode(PRESTEP).decode(), OUTCOME_KEY: msgspec.json.encode(outcome).decode()},
    )
    return bytes(model.SerializeToString())


def test_a_value_is_predicted_from_a_request_and_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(graph(task="regression"))
    model = OnnxModel.load(path)
    rows = model.decode_body(b'{"rows":[{"rooms":2,"area":40.5,"city":"Graz","extra":1},{"rooms":1,"area":1}]}')
    assert model.predict_rows(rows) == [ValuePrediction(42.5), ValuePrediction(2.0)]


def test_classes_keep_their_type_and_have_a_probability_each() -> None:
    model = OnnxModel.load(graph(task="binary"))
    (prediction,) = model.predict_rows([{"rooms": 1, "area": 3}])
    assert prediction == ClassPrediction(True, {"false": 0.25, "true": 0.75})
    assert msgspec.json.encode(prediction) == b'{"label":true,"probabilities":{"false":0.25,"true":0.75}}'


def test_no_rows_give_no_predictions() -> None:
    model = OnnxModel.load(graph(task="binary"))
    assert model.predict_rows([]) == []
    assert model.predict_frame(pl.DataFrame(schema={"rooms": pl.Int64})).rows == 0


def test_a_large_frame_is_answered_like_its_rows() -> None:
    model = OnnxModel.load(graph(task="regression"))
    frame = pl.DataFrame({"rooms": range(20_001), "area": [0.5] * 20_001})
    answers = model.predict_frame(frame)
    assert answers.values is not None
    assert answers.values.tolist() == [rooms + 0.5 for rooms in range(20_001)]


def test_the_signature_says_what_to_send() -> None:
    signature = OnnxModel.load(graph(task="regression")).signature
    assert signature.example_row() == {"rooms": 3, "area": 71.5, "city": "Lyon"}
    assert [(c.name, c.type, c.required) for c in signature.inputs] == [
        ("rooms", "integer", True),
        ("area", "number", False),
        ("city", "category", False),
    ]
    assert msgspec.json.decode(msgspec.json.encode(signature.to_json()))["target"] == "price"


def test_the_example_row_of_a_signature_is_accepted_by_the_model() -> None:
    model = OnnxModel.load(graph(task="regression"))
    assert model.predict_rows([model.signature.example_row()]) == [ValuePrediction(74.5)]


def test_a_file_that_is_no_model_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotServable, match="cannot open"):
        OnnxModel.load(b"not an onnx file")
    with pytest.raises(NotServable, match="cannot open"):
        OnnxModel.load(tmp_path / "absent.onnx")
    bare = onnx.load_from_string(graph(task="binary"))
    del bare.metadata_props[:]
    with pytest.raises(NotServable, match="no Lyceum pre-step"):
        OnnxModel.load(bare.SerializeToString())


def answers(*probabilities: float) -> Answers:
    p = np.array(probabilities)
    return Answers(labels=np.where(p > 0.5, "b", "a").astype(object), probabilities=np.column_stack([1 - p, p]))


def test_equal_answers_are_the_same() -> None:
    parity = compare(answers(0.2, 0.9), answers(0.2, 0.9), tolerance=1e-6)
    assert (parity.rows, parity.labels_equal, parity.max_abs_difference, parity.within_tolerance) == (
        2,
        True,
        0.0,
        True,
    )


def test_a_flipped_label_is_found_and_a_tie_is_not_a_flip() -> None:
    flipped = compare(answers(0.4), answers(0.6), tolerance=1e-3)
    assert not flipped.labels_equal
    assert not flipped.within_tolerance
    tie = compare(answers(0.5), answers(0.5 + 1e-7), tolerance=1e-5)
    assert tie.labels_equal
    assert tie.within_tolerance


def test_probabilities_that_drift_under_equal_labels_are_found() -> None:
    parity = compare(answers(0.2), answers(0.35), tolerance=1e-5)
    assert parity.labels_equal
    assert not parity.within_tolerance
    assert parity.max_abs_difference == pytest.approx(0.15)


def test_nan_is_never_the_same() -> None:
    nan = Answers(values=np.array([np.nan]))
    assert not compare(nan, nan, tolerance=1.0).within_tolerance
