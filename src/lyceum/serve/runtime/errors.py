"""What can be wrong with the input of a model, said in one sentence."""

_SHOWN_CHARACTERS_MAX = 60


class UnusableInput(ValueError):
    """The rows cannot be answered; the text says why and where."""


class UnreadableBody(UnusableInput):
    """The request is not `{"rows": [{...}, ...]}` in JSON."""


class BadValue(UnusableInput):
    """One value does not fit its column.

    `row` counts from 0 in the rows given; `value_text` is shortened for showing.
    """

    def __init__(self, *, row: int, column: str, value: object, expected: str) -> None:
        self.row = row
        self.column = column
        self.value_text = shown(value)
        self.expected = expected
        super().__init__(f"row {row}, column {column!r}: {self.value_text} is not {expected}")


class NotServable(ValueError):
    """The file is not an ONNX model this runtime can serve."""


def shown(value: object) -> str:
    """The value as a person would recognise it, at most 60 characters long."""
    text = repr(value)
    if len(text) <= _SHOWN_CHARACTERS_MAX:
        return text
    return text[: _SHOWN_CHARACTERS_MAX - 1] + "…"
