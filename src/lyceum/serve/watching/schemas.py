"""Watching over HTTP."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class MovedColumn(BaseModel):
    """A column that is not as it was in training.

    `figure` is the share of rows for missing and unseen values, and a population stability index for distributions.
    """

    column: str
    figure: float
    at_most: float


class WatchFinding(BaseModel):
    """What came of one aspect: missing, unseen, inputs or answers; `skipped` where there was too little to tell by."""

    aspect: str
    status: str
    title: str
    sentence: str
    moved: list[MovedColumn]


class WatchVerdict(BaseModel):
    """What was found of a model version's newest predictions, and how many these are."""

    rows: int
    first_at: datetime | None
    last_at: datetime | None
    findings: list[WatchFinding]


class WatchedVersion(BaseModel):
    """A model version that has predicted: the dataset of its predictions, and the newest verdict on them."""

    version: int
    dataset: str
    dataset_version: int | None
    judged_at: datetime | None
    verdict: WatchVerdict | None


class ModelWatch(BaseModel):
    """The versions of a model that have predicted, the newest first; at most 20."""

    items: list[WatchedVersion]


class RollUp(BaseModel):
    """The job that takes up what was predicted until now."""

    job_id: UUID
