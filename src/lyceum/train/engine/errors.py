"""Why a table cannot be learned from, in words for the person who has the table."""


class TrainingCancelled(Exception):
    """`should_stop` said so."""


class TableUnusable(ValueError):
    """The table as a whole cannot be trained on."""


class TargetUnusable(ValueError):
    """The target column cannot be predicted.

    `code` is one of missing_column, all_null, constant, unique_text, mixed_type, unsupported_type, too_many_classes,
    too_few_rows, not_numeric; `advice` says what to do.
    """

    def __init__(self, code: str, fact: str, advice: str) -> None:
        self.code = code
        self.advice = advice
        super().__init__(f"{fact}; {advice}")


class NotExportable(ValueError):
    """No ONNX file gives the same answers as the trained model."""
