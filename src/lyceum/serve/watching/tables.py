"""The prediction log as a table: its columns, and its rows as records of a dataset."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from lyceum.serve.runtime.public import Label, label_text

if TYPE_CHECKING:
    from lyceum.serve.predictions.public import LoggedRow

_TYPES = {
    "number": "float",
    "integer": "float",
    "boolean": "boolean",
    "category": "string",
    "date": "string",
    "timestamp": "string",
}
_COMPARED = frozenset({"number", "integer", "boolean", "category"})


@dataclass(frozen=True, slots=True)
class LogTable:
    """What the columns of a prediction log are called, for a model of one signature.

    Inputs keep their names; what the hub adds gives way to them.
    """

    inputs: tuple[tuple[str, str], ...]
    """Names, and types as in the signature."""
    is_classification: bool
    predicted_at: str
    model_version: str
    request_id: str
    prediction: str
    probability: str

    @classmethod
    def of(cls, signature: Mapping[str, Any]) -> "LogTable":
        """Return the table for a signature as it is stored with a model version."""
        inputs = tuple((column["name"], column["type"]) for column in signature["inputs"])
        taken = {name.casefold() for name, _ in inputs}
        return cls(
            inputs=inputs,
            is_classification=signature["task"] != "regression",
            predicted_at=_free("predicted_at", taken),
            model_version=_free("model_version", taken),
            request_id=_free("request_id", taken),
            prediction=_free("prediction", taken),
            probability=_free("probability", taken),
        )

    @property
    def outputs(self) -> tuple[tuple[str, str], ...]:
        """Names and types of what the model answered; of classes the most probable one, and its probability."""
        if not self.is_classification:
            return ((self.prediction, "float"),)
        return ((self.prediction, "string"), (self.probability, "float"))

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Names and types of all columns, as the schema of a dataset has them."""
        return (
            (self.predicted_at, "timestamp_utc"),
            (self.model_version, "integer"),
            (self.request_id, "string"),
            *((name, _TYPES[kind]) for name, kind in self.inputs),
            *self.outputs,
        )

    @property
    def compared_inputs(self) -> tuple[str, ...]:
        """The inputs whose values are compared with those of training; times move on by themselves."""
        return tuple(name for name, kind in self.inputs if kind in _COMPARED)

    @property
    def notes(self) -> dict[str, str]:
        """What the added columns hold."""
        notes = {
            self.predicted_at: "When the model answered.",
            self.model_version: "The version of the model that answered.",
            self.request_id: "The id of the request, shared by the rows that were sent together.",
            self.prediction: "What the model answered; of classes the most probable one.",
        }
        return notes | ({self.probability: "The probability of that class."} if self.is_classification else {})

    def records(self, rows: "Iterable[LoggedRow]", *, version: int) -> bytes:
        """Return rows of the log as JSON Lines of these columns."""
        encoder = msgspec.json.Encoder()
        return encoder.encode_lines([self._record(row, version) for row in rows])

    def _record(self, row: "LoggedRow", version: int) -> dict[str, Any]:
        added = {self.predicted_at: row.at, self.model_version: version, self.request_id: row.request_id}
        given = {name: row.inputs.get(name) for name, _ in self.inputs}
        return added | given | self._answer(row.outputs)

    def _answer(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        if not self.is_classification:
            return {self.prediction: outputs.get("value")}
        label: Label | None = outputs.get("label")
        text = None if label is None else label_text(label)
        return {self.prediction: text, self.probability: outputs.get("probabilities", {}).get(text)}


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
