"""What a model takes and gives, for a form, an example request and the documentation of an endpoint."""

from dataclasses import asdict, dataclass
from typing import Literal

from lyceum.serve.runtime.spec import (
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

InputType = Literal["number", "integer", "boolean", "category", "date", "timestamp"]


@dataclass(frozen=True, slots=True)
class InputColumn:
    """One input. `required` means that training never saw it missing: without it the answer is a guess, not an error.

    `choices` are known texts of a category, most frequent first; others are accepted.
    """

    name: str
    type: InputType
    required: bool
    example: Label | None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs in the order of the training table, and the output. `classes` is empty for regression."""

    inputs: tuple[InputColumn, ...]
    target: str
    task: Task
    classes: tuple[Label, ...]

    def example_row(self) -> dict[str, Label | None]:
        """One row as a client would send it."""
        return {column.name: column.example for column in self.inputs}

    def to_json(self) -> dict[str, object]:
        """The signature as plain JSON values."""
        return asdict(self)


def signature_of(prestep: PreStep, outcome: Outcome) -> Signature:
    """The signature that follows from a model's pre-step and outcome."""
    inputs = tuple(
        InputColumn(
            name=column.name,
            type=_input_type(column),
            required=not column.nullable,
            example=column.example,
            choices=column.choices if isinstance(column, CategoryColumn) else (),
        )
        for column in prestep.columns
    )
    return Signature(inputs=inputs, target=outcome.target, task=outcome.task, classes=outcome.classes)


def _input_type(column: Column) -> InputType:
    match column:
        case NumberColumn(integer=True):
            return "integer"
        case NumberColumn():
            return "number"
        case BooleanColumn():
            return "boolean"
        case CategoryColumn():
            return "category"
        case TimeColumn():
            return "date" if column.date_only else "timestamp"
