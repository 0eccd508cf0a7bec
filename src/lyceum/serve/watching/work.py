"""What goes to the process that judges predictions and what comes back; light, since the API imports it."""

from datetime import datetime
from typing import Any, Literal

import msgspec

Aspect = Literal["missing", "unseen", "inputs", "answers"]
"""What is looked at: gaps in the inputs, texts that training did not know, how inputs and answers are distributed."""


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows to judge, and where the model's reference lies; without one there is little to compare with."""

    table_key: str
    delta_version: int | None
    """None where the rows were given up meanwhile: then there is nothing to judge."""
    version_number: int
    signature: dict[str, Any]
    reference_path: str | None
    masked: tuple[str, ...] = ()
    """Columns whose values are told nowhere."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A column that is not as it was in training.

    `figure` is a share of rows for missing and unseen values, and a population stability index for distributions.
    """

    column: str
    figure: float
    at_most: float


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one aspect; `skipped` where there was too little to tell by."""

    aspect: Aspect
    status: Literal["passed", "failed", "skipped"]
    title: str
    sentence: str
    moved: tuple[Moved, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a model version's newest predictions."""

    rows: int
    first_at: datetime | None
    last_at: datetime | None
    findings: tuple[Finding, ...]
