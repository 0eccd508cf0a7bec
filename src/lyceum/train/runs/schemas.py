"""Training runs over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lyceum.jobs.public import JobProgress

TIME_LIMIT_SECONDS_MAX = 24 * 3600


class NewRun(BaseModel):
    """What to learn, from what, for how long; `leave_out` maps a column to the reason for not learning from it."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(max_length=200, description="org/name, or org/name@3 for a version.")
    target: str = Field(min_length=1, max_length=255)
    time_limit_seconds: float = Field(default=60.0, ge=1, le=TIME_LIMIT_SECONDS_MAX)
    leave_out: dict[str, str] = Field(default_factory=dict, max_length=5_000)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


class LeaderboardEntry(BaseModel):
    """One member: `score` is out of fold, `weight` its share of the ensemble."""

    name: str
    family: str
    score: float
    weight: float
    fit_seconds: float
    exported: bool | None
    note: str


class LeakageWarningOut(BaseModel):
    """A column that alone nearly decides the target."""

    column: str
    alone_score: float
    score_without: float | None
    sentence: str


class Run(BaseModel):
    """A training run: while it runs with its leaderboard so far, then with its score on held-out rows."""

    id: UUID
    state: str
    job_id: UUID | None
    dataset: str
    dataset_version: int
    target: str
    task: str | None
    metric: str | None
    greater_is_better: bool | None
    score: float | None
    baseline: float | None
    time_limit_seconds: float
    fit_seconds: float | None
    progress: JobProgress | None
    leaderboard: list[LeaderboardEntry]
    columns_left_out: dict[str, str]
    leakage_warnings: list[LeakageWarningOut]
    error: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RunPage(BaseModel):
    """A page of runs, newest first."""

    items: list[Run]
    next: str | None


class Registration(BaseModel):
    """The model to register a run's result as, and the alias that is to name it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=96)
    alias: str | None = Field(default="champion", max_length=63)
