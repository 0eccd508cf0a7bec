"""What a model saw in training and answered on rows it had not seen, kept beside it for its predictions to be compared with."""

import msgspec
import numpy as np
import polars as pl

from lyceum.data.quality.engine.public import ColumnReference, Reference, reference_from_bytes, reference_of
from lyceum.serve.runtime.public import Answers, OnnxModel, label_text, read_frame
from lyceum.serve.watching.tables import LogTable

VALUES_KEPT = 1_000
"""Of each input: bins are then right to a thousandth, and a model of a thousand inputs has a reference of 8 MB."""

_SUFFIX = ".reference"


def reference_key(artifact_path: str) -> str:
    """Return where the reference of a stored model lies."""
    return f"{artifact_path.removesuffix('.onnx')}{_SUFFIX}"


def without_value(stored: bytes, *, column: str, value: str) -> bytes:
    """Return a stored reference without a value of a column, and without texts of others that occurred once.

    Raises `InvalidReference`.
    """
    reference = reference_from_bytes(stored)
    columns = {name: _without(found, value if name == column else None) for name, found in reference.columns.items()}
    return msgspec.structs.replace(reference, columns=columns).to_bytes()


def _without(found: ColumnReference, value: str | None) -> ColumnReference:
    kept = {text: times for text, times in found.categories.items() if times > 1 and text != value}
    gone = sum(found.categories.values()) - sum(kept.values())
    # how many there were stays: shares of the others are of all
    return msgspec.structs.replace(found, categories=kept, rare=found.rare + gone)


def training_reference(model: OnnxModel, training: pl.DataFrame, held_out: pl.DataFrame) -> Reference:
    """Return the distributions of a model's inputs over all rows, and of its answers on the held-out ones.

    Answers on rows that the model has learned from are surer than any it gives later.
    """
    table = LogTable.of(model.signature.to_json())
    inputs = reference_of(
        _inputs(model, pl.concat([training, held_out])).lazy(), table.compared_inputs, values_max=VALUES_KEPT
    )
    answers = reference_of(_answers(table, model.predict_frame(held_out)).lazy(), values_max=VALUES_KEPT)
    return Reference(rows=inputs.rows, columns={**inputs.columns, **answers.columns})


def _inputs(model: OnnxModel, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the inputs as the model reads them, in the types they are logged in."""
    typed = read_frame(frame, model.prestep)
    booleans = {column.name for column in model.prestep.direct_columns if column.__struct_config__.tag == "boolean"}
    columns = [
        _number(column.name, typed.numbers[:, place], is_boolean=column.name in booleans)
        for place, column in enumerate(model.prestep.direct_columns)
    ]
    texts = [
        series.alias(column.name)
        for column, series in zip(model.prestep.category_columns, typed.categories, strict=True)
    ]
    return pl.DataFrame([*columns, *texts])


def _number(name: str, values: "np.ndarray[tuple[int], np.dtype[np.float64]]", *, is_boolean: bool) -> pl.Series:
    series = pl.Series(name, values).fill_nan(None)
    return series.cast(pl.Boolean) if is_boolean else series


def _answers(table: LogTable, answers: Answers) -> pl.DataFrame:
    if answers.probabilities is None or answers.labels is None:
        return pl.DataFrame({table.prediction: answers.values})
    texts = [label_text(label) for label in answers.labels.tolist()]
    surest = answers.probabilities.max(axis=1).astype(np.float64)
    return pl.DataFrame(
        {table.prediction: texts, table.probability: surest}, schema_overrides={table.prediction: pl.String}
    )
