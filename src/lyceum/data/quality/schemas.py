"""Checks over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class NewCheck(BaseModel):
    """A check to keep with a dataset; `definition` names its kind, its columns and its bounds."""

    model_config = ConfigDict(extra="forbid")

    definition: dict[str, Any]
    reason: str = Field(default="", max_length=1_000)


class Check(BaseModel):
    """A check of a dataset, and why it is there."""

    id: UUID
    definition: dict[str, Any]
    origin: str
    reason: str
    created_at: datetime


class CheckList(BaseModel):
    """All checks of a dataset; there are few enough for one page."""

    items: list[Check]


class FailingRow(BaseModel):
    """A row that failed: its number from 1, the line of the uploaded file where known, and its values."""

    row: int
    line: int | None
    values: dict[str, Any]


class CheckResult(BaseModel):
    """What came of one check.

    `definition` is that of the check; of a set it shows the first 20 values, texts cut to 200 characters, and
    `values_omitted` says how many more there are. The check itself has them all.
    """

    check_id: UUID
    definition: dict[str, Any]
    status: str
    sentence: str
    rows_checked: int
    failing_count: int
    failing_fraction: float
    rows_involved: int | None
    observed: dict[str, Any] | None
    failing_rows: list[FailingRow]


class CheckRunListed(BaseModel):
    """A run of all checks on a version, as lists show it."""

    id: UUID
    version_id: UUID
    state: str
    job_id: UUID | None
    error: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class CheckRunPage(BaseModel):
    """A page of check runs, newest first; `next` is the cursor of the page after this one."""

    items: list[CheckRunListed]
    next: str | None


class CheckRun(CheckRunListed):
    """A run of all checks on a version; `failed` when a check of severity error failed or could not be run."""

    results: list[CheckResult]
