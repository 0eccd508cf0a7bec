"""An exported model, opened: from rows or a frame to answers on one thread of ONNX Runtime."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime
import polars as pl

from lyceum.kernel.problems import first_line
from lyceum.serve.runtime.errors import NotServable
from lyceum.serve.runtime.frames import TypedFrame, read_frame
from lyceum.serve.runtime.parity import Answers
from lyceum.serve.runtime.rows import Feeds, RowReader
from lyceum.serve.runtime.signature import Signature, signature_of
from lyceum.serve.runtime.spec import (
    OUTCOME_KEY,
    PRESTEP_KEY,
    PROBABILITIES_OUTPUT,
    VALUE_OUTPUT,
    Label,
    Outcome,
    PreStep,
    outcome_from_json,
    prestep_from_json,
)

_FRAME_CHUNK_ROWS = 8192
_SEVERITY_ERROR = 3


class ClassPrediction(msgspec.Struct, frozen=True, gc=False):
    """The most probable class in its original type, and every class's probability by its text."""

    label: Label
    probabilities: dict[str, float]


class ValuePrediction(msgspec.Struct, frozen=True, gc=False):
    """A predicted number, in units of the target."""

    value: float


Prediction = ClassPrediction | ValuePrediction


class OnnxModel:
    """A model file ready to answer. Safe to share between threads; one call computes on one thread."""

    def __init__(self, session: onnxruntime.InferenceSession, prestep: PreStep, outcome: Outcome) -> None:
        self.prestep = prestep
        self.outcome = outcome
        self._session = session
        self._reader = RowReader(prestep)
        self._output = [VALUE_OUTPUT if outcome.task == "regression" else PROBABILITIES_OUTPUT]
        self._class_texts = [label_text(label) for label in outcome.classes]
        self._classes = label_array(outcome.classes)

    @classmethod
    def load(cls, source: str | Path | bytes, *, threads: int = 1) -> Self:
        """Open a file or its bytes; raises NotServable when it is no ONNX file exported by `lyceum.fit`.

        `threads` above 1 only pays for large frames.
        """
        try:
            session = onnxruntime.InferenceSession(
                source if isinstance(source, bytes) else str(source), _session_options(threads)
            )
        except Exception as error:
            raise NotServable(f"ONNX Runtime cannot open the model: {first_line(error)}") from error
        metadata = session.get_modelmeta().custom_metadata_map
        if PRESTEP_KEY not in metadata or OUTCOME_KEY not in metadata:
            raise NotServable("the ONNX file carries no Lyceum pre-step, so its inputs have no names or types")
        return cls(session, prestep_from_json(metadata[PRESTEP_KEY]), outcome_from_json(metadata[OUTCOME_KEY]))

    @property
    def row_type(self) -> type[msgspec.Struct]:
        """The Struct of one row, for a decoder of one's own; see RowReader."""
        return self._reader.row_type

    @property
    def signature(self) -> Signature:
        """Inputs and output, for forms and documentation."""
        return signature_of(self.prestep, self.outcome)

    def decode_body(self, body: bytes) -> list[msgspec.Struct]:
        """The typed rows of `{"rows": [{...}, ...]}`; raises UnreadableBody or BadValue."""
        return self._reader.decode_body(body)

    def predict_rows(self, rows: Sequence[msgspec.Struct | Mapping[str, object]]) -> list[Prediction]:
        """One prediction a row, in order. Rows are `row_type` structs or dicts; raises BadValue.

        Absent, null and NaN values are missing; unseen categories and unknown keys are ordinary.
        """
        if not rows:
            return []
        row_type = self._reader.row_type
        typed = [
            row if isinstance(row, row_type) else self._reader.row_from(cast("Mapping[str, object]", row), index)
            for index, row in enumerate(rows)
        ]
        scores = self._run(self._reader.feeds(typed)).tolist()
        if self.outcome.task == "regression":
            return [ValuePrediction(value) for value in scores]
        return [self._class_prediction(line) for line in scores]

    def predict_frame(self, frame: pl.DataFrame) -> Answers:
        """Answers for every row of the frame, computed in chunks of 8192 rows; raises BadValue."""
        return self.answer(read_frame(frame, self.prestep))

    def answer(self, typed: TypedFrame) -> Answers:
        """Answers for a frame already read against this model's pre-step."""
        chunks = [
            self._run(typed.slice(start, _FRAME_CHUNK_ROWS).feeds())
            for start in range(0, len(typed.numbers), _FRAME_CHUNK_ROWS)
        ]
        if self.outcome.task == "regression":
            return Answers(values=np.concatenate(chunks) if chunks else np.empty(0))
        probabilities = np.concatenate(chunks) if chunks else np.empty((0, len(self._classes)), dtype=np.float32)
        return Answers(labels=self._classes[probabilities.argmax(axis=1)], probabilities=probabilities)

    def _run(self, feeds: Feeds) -> npt.NDArray[Any]:
        scores: npt.NDArray[Any] = self._session.run(self._output, feeds)[0]
        return scores

    def _class_prediction(self, line: list[float]) -> ClassPrediction:
        return ClassPrediction(
            self.outcome.classes[line.index(max(line))], dict(zip(self._class_texts, line, strict=True))
        )


def label_text(label: Label) -> str:
    """A class as a JSON key: `true` and `false` for booleans."""
    if isinstance(label, bool):
        return "true" if label else "false"
    return str(label)


def label_array(classes: Sequence[Label]) -> npt.NDArray[Any]:
    """The classes as an array that keeps their type (texts as objects)."""
    if all(isinstance(label, str) for label in classes):
        return np.array(classes, dtype=object)
    return np.array(classes)


def _session_options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # spinning threads would burn the cores that the next request needs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _SEVERITY_ERROR
    return options
