"""The typed pre-step: how a row as people write it becomes the two tensors an exported model takes.

It is stored as JSON in the ONNX file, so a file is complete: whoever has it can build the form, check the values and
make the same tensors that training saw.
"""

from typing import Literal

import msgspec

from lyceum.serve.runtime.errors import NotServable

FORMAT_VERSION = 1
PRESTEP_KEY = "lyceum.prestep"
OUTCOME_KEY = "lyceum.outcome"
NUMBERS_INPUT = "numbers"
CATEGORIES_INPUT = "categories"
PROBABILITIES_OUTPUT = "probabilities"
LABEL_OUTPUT = "label"
VALUE_OUTPUT = "value"

Label = bool | int | float | str
Task = Literal["binary", "multiclass", "regression"]
TimePart = Literal["days", "year", "month", "day", "weekday", "yearday", "hour"]
DATE_PARTS: tuple[TimePart, ...] = ("days", "year", "month", "day", "weekday", "yearday")
TIMESTAMP_PARTS: tuple[TimePart, ...] = (*DATE_PARTS, "hour")


class NumberColumn(msgspec.Struct, frozen=True, tag="number"):
    """A finite number. Durations and times of day are their seconds."""

    name: str
    integer: bool = False
    nullable: bool = True
    example: float | int | None = None


class BooleanColumn(msgspec.Struct, frozen=True, tag="boolean"):
    """True or false, as 1 or 0."""

    name: str
    nullable: bool = True
    example: bool | None = None


class CategoryColumn(msgspec.Struct, frozen=True, tag="category"):
    """A text out of a set; `choices` are the most frequent ones, for a form. Any other text is allowed."""

    name: str
    trimmed: bool = False
    nullable: bool = True
    example: str | None = None
    choices: tuple[str, ...] = ()


class TimeColumn(msgspec.Struct, frozen=True, tag="time"):
    """A date or timestamp, taken apart into numbers.

    Wall-clock values without a zone stay as they are. With `time_zone`, values that carry a zone are moved to it;
    without, they are moved to UTC. `formats` are the strptime patterns tried after ISO 8601.
    """

    name: str
    parts: tuple[TimePart, ...]
    date_only: bool = False
    time_zone: str | None = None
    formats: tuple[str, ...] = ()
    nullable: bool = True
    example: str | None = None


Column = NumberColumn | BooleanColumn | CategoryColumn | TimeColumn


class PreStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The input side of a model. `missing_text` stands for a missing value in the `categories` tensor."""

    columns: tuple[Column, ...]
    missing_text: str = ""
    format_version: int = FORMAT_VERSION

    @property
    def direct_columns(self) -> tuple[NumberColumn | BooleanColumn, ...]:
        """The columns that are one number each, in the order of the `numbers` tensor."""
        return tuple(c for c in self.columns if isinstance(c, NumberColumn | BooleanColumn))

    @property
    def time_columns(self) -> tuple[TimeColumn, ...]:
        """The columns that become parts; their parts follow the direct columns in the `numbers` tensor."""
        return tuple(c for c in self.columns if isinstance(c, TimeColumn))

    @property
    def category_columns(self) -> tuple[CategoryColumn, ...]:
        """The columns of the `categories` tensor, in its order."""
        return tuple(c for c in self.columns if isinstance(c, CategoryColumn))

    @property
    def number_sources(self) -> tuple[str, ...]:
        """For each position of the `numbers` tensor, the column it comes from."""
        direct = [c.name for c in self.direct_columns]
        return (*direct, *(c.name for c in self.time_columns for _ in c.parts))


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The output side of a model. `classes` keep their original type and the order of the probabilities."""

    target: str
    task: Task
    classes: tuple[Label, ...] = ()


def prestep_from_json(text: str) -> PreStep:
    """Read a pre-step; raises NotServable when it was written by a newer format or is damaged."""
    try:
        version = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get("format_version")
        if version is None or int(bytes(version)) != FORMAT_VERSION:
            raise NotServable(
                f"the model's pre-step has format {bytes(version or b'?').decode()}, this runtime reads"
                f" format {FORMAT_VERSION}; update Lyceum or export the model again"
            )
        return msgspec.json.decode(text, type=PreStep)
    except (msgspec.DecodeError, ValueError) as error:
        if isinstance(error, NotServable):
            raise
        raise NotServable(f"the model's pre-step cannot be read: {error}; export the model again") from error


def outcome_from_json(text: str) -> Outcome:
    """Read an outcome; raises NotServable when it is damaged."""
    try:
        return msgspec.json.decode(text, type=Outcome)
    except msgspec.DecodeError as error:
        raise NotServable(f"the model's description of its output cannot be read: {error}") from error
