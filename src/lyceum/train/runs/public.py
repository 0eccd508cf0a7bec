"""The door of training runs."""

from lyceum.train.runs.erasing import erase
from lyceum.train.runs.queries import GRANTABLE

__all__ = ["GRANTABLE", "erase"]
