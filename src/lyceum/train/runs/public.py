"""The door of training runs."""

from lyceum.train.runs.erasing import ERASER

__all__ = ["ERASER"]
