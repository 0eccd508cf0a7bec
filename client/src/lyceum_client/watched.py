"""What a hub says of a model's newest predictions."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MovedColumn:
    """A column that is not as it was in training.

    `figure` is the share of rows for missing and unseen values, and a population stability index for distributions.
    """

    column: str
    figure: float
    at_most: float


@dataclass(frozen=True, slots=True)
class WatchFinding:
    """What came of one aspect: missing, unseen, inputs or answers; `status` is passed, failed or skipped."""

    aspect: str
    status: str
    title: str
    sentence: str
    moved: tuple[MovedColumn, ...]


@dataclass(frozen=True, slots=True)
class WatchVerdict:
    """What was found of the newest predictions, and how many these are."""

    rows: int
    first_at: datetime | None
    last_at: datetime | None
    findings: tuple[WatchFinding, ...]


@dataclass(frozen=True, slots=True)
class WatchedVersion:
    """A version of a model that has predicted; `dataset` is the address of its predictions."""

    version: int
    dataset: str
    dataset_version: int | None
    judged_at: datetime | None
    verdict: WatchVerdict | None
