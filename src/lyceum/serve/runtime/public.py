"""Serve one exported model, with no server around it.

    model = OnnxModel.load("model.onnx")
    rows = model.decode_body(b'{"rows": [{"age": 31, "city": "Lyon"}]}')
    model.predict_rows(rows)

The file is plain ONNX and runs anywhere ONNX Runtime does. Its inputs are

- `numbers`, float64 [rows, k], NaN for missing: the number and boolean columns in the order of the table, then the parts
  of each date column (days since 1970 with fraction, year, month, day, weekday with Monday 0, day of the year, and for
  timestamps the hour with its fraction);
- `categories`, text [rows, m]: the category columns as they are, and the pre-step's `missing_text` for missing. Texts
  are mapped to codes inside the graph; an unseen text needs no treatment.

An input without columns is absent. The columns and their order stand as JSON under `lyceum.prestep` in the file's
metadata, the target and classes under `lyceum.outcome`. The outputs are `label` and `probabilities` [rows, classes]
for classes, and `value` [rows] for regression.
"""

from lyceum.serve.runtime.errors import BadValue, NotServable, UnreadableBody, UnusableInput
from lyceum.serve.runtime.frames import TypedFrame, as_polars, read_frame, within_calendar
from lyceum.serve.runtime.model import (
    ClassPrediction,
    OnnxModel,
    Prediction,
    ValuePrediction,
    label_array,
    label_text,
)
from lyceum.serve.runtime.parity import Answers, Parity, compare
from lyceum.serve.runtime.rows import RowReader
from lyceum.serve.runtime.signature import InputColumn, Signature, signature_of
from lyceum.serve.runtime.spec import (
    CATEGORIES_INPUT,
    DATE_PARTS,
    LABEL_OUTPUT,
    NUMBERS_INPUT,
    OUTCOME_KEY,
    PRESTEP_KEY,
    PROBABILITIES_OUTPUT,
    TIMESTAMP_PARTS,
    VALUE_OUTPUT,
    BooleanColumn,
    CategoryColumn,
    Column,
    Label,
    NumberColumn,
    Outcome,
    PreStep,
    Task,
    TimeColumn,
)
from lyceum.serve.runtime.values import Unreadable, boolean_from, category_from, moment_from, number_from

__all__ = [
    "CATEGORIES_INPUT",
    "DATE_PARTS",
    "LABEL_OUTPUT",
    "NUMBERS_INPUT",
    "OUTCOME_KEY",
    "PRESTEP_KEY",
    "PROBABILITIES_OUTPUT",
    "TIMESTAMP_PARTS",
    "VALUE_OUTPUT",
    "Answers",
    "BadValue",
    "BooleanColumn",
    "CategoryColumn",
    "ClassPrediction",
    "Column",
    "InputColumn",
    "Label",
    "NotServable",
    "NumberColumn",
    "OnnxModel",
    "Outcome",
    "Parity",
    "PreStep",
    "Prediction",
    "RowReader",
    "Signature",
    "Task",
    "TimeColumn",
    "TypedFrame",
    "Unreadable",
    "UnreadableBody",
    "UnusableInput",
    "ValuePrediction",
    "as_polars",
    "boolean_from",
    "category_from",
    "compare",
    "label_array",
    "label_text",
    "moment_from",
    "number_from",
    "read_frame",
    "signature_of",
    "within_calendar",
]
