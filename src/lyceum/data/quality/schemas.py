"""Checks over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, BaseModel, ConfigDict, Field

Tag = Annotated[str, Field(min_length=1, max_length=64)]
Reason = Annotated[str, Field(max_length=1_000)]
Cron = Annotated[str, Field(max_length=100, description="Five fields of cron, such as `0 6 * * 1-5`; empty for none.")]
Zone = Annotated[str, Field(min_length=1, max_length=64, description="A time zone, such as `Europe/Berlin`.")]


class NewCheck(BaseModel):
    """A check to keep with a dataset; `definition` names its kind, its columns and its bounds."""

    model_config = ConfigDict(extra="forbid")

    definition: dict[str, Any]
    reason: Reason = ""
    schedule: Cron = ""
    zone: Zone = "UTC"


class CheckChange(BaseModel):
    """What is to change of a check; what is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    definition: dict[str, Any] | MISSING = Field(
        MISSING, description="All of it: what it leaves out is as if it had never been said."
    )
    severity: Literal["error", "warning"] | MISSING = MISSING
    blocking: bool | MISSING | None = Field(
        MISSING, description="Whether its failure holds a version back; `null` for what the severity says."
    )
    tags: list[Tag] | MISSING = Field(MISSING, max_length=20)
    owner: Annotated[str, Field(max_length=200)] | MISSING = MISSING
    reason: Reason | MISSING = MISSING
    schedule: Cron | MISSING = MISSING
    zone: Zone | MISSING = MISSING
    enabled: bool | MISSING = Field(MISSING, description="Whether it runs.")


class Check(BaseModel):
    """A check of a dataset, why it is there, and when it runs beside each new version."""

    id: UUID
    definition: dict[str, Any]
    origin: str = Field(description="`person`, `suggested`, or `file` for a check that came in a file.")
    reason: str
    schedule: str = Field(description="When it runs on the newest version, in five fields of cron; empty for never.")
    zone: str
    enabled: bool
    revision: int
    created_at: datetime


class CheckList(BaseModel):
    """All checks of a dataset; there are few enough for one page."""

    items: list[Check]


class FailingRow(BaseModel):
    """A row that failed: its number from 1, the line of the uploaded file where known, and its values."""

    row: int
    line: int | None
    values: dict[str, Any]


class PartitionFound(BaseModel):
    """What came of a check within one value of its partition column, as text; null for rows without one."""

    value: str | None
    rows_checked: int
    failing_count: int


class CheckResult(BaseModel):
    """What came of one check; of another tool's where it has no `check_id`.

    `definition` is that of the check; of a set it shows the first 20 values, texts cut to 200 characters, and
    `values_omitted` says how many more there are. The check itself has them all.
    """

    check_id: UUID | None
    definition: dict[str, Any]
    status: str = Field(
        description="`passed`, `failed`, `errored`, or `skipped` where there was too little to judge by."
    )
    sentence: str
    rows_checked: int
    failing_count: int
    failing_fraction: float
    rows_involved: int | None
    observed: dict[str, Any] | None
    failing_rows: list[FailingRow]
    metrics: dict[str, float] = Field(description="Figures for a history, by name; none where they are covered.")
    partitions: list[PartitionFound] = Field(description="The partitions that fail, the worst first.")


class ScoreTerm(BaseModel):
    """What one check adds to the score: `weight` times `credit`, which is between 0 and 1; nothing where it was skipped."""

    check_id: UUID
    name: str
    dimension: str
    severity: str
    refuses: bool = Field(description="Whether its failure makes the dataset's state `failed`.")
    status: str
    weight: int
    credit: float


class DimensionScore(BaseModel):
    """The score of the checks that tell of one thing, such as completeness."""

    dimension: str
    score: float


class DatasetQuality(BaseModel):
    """A dataset's data-quality score of 100 with its formula and terms; all null where no checks have run."""

    score: float | None
    formula: str
    state: str | None
    version: int | None
    check_run_id: UUID | None
    judged_at: datetime | None
    terms: list[ScoreTerm]
    dimensions: list[DimensionScore]


class CheckField(BaseModel):
    """A field of a kind of check.

    `default` is what it has when nobody gives it; `choices` are all it can be, where they are few; one that `names_columns`
    names columns of the table that is checked.
    """

    name: str
    type: Literal[
        "text", "number", "whole_number", "number_or_text", "flag", "choice", "texts", "values", "expected_columns"
    ]
    required: bool
    default: Any
    choices: list[str]
    names_columns: bool
    about: str


class CheckKind(BaseModel):
    """A kind of check; each row passes or fails one that is `by_rows`. Fields that all kinds have are left out."""

    kind: str
    about: str
    by_rows: bool
    fields: list[CheckField]


class CheckKindList(BaseModel):
    """All kinds of checks; there are few enough for one page."""

    items: list[CheckKind]


class NewTrial(BaseModel):
    """A check to try, on the newest version or on another."""

    model_config = ConfigDict(extra="forbid")

    definition: dict[str, Any]
    version: int | None = Field(default=None, ge=1, le=999_999_999)


class Trial(BaseModel):
    """What would come of a check. Where `is_sample`, it ran on the first `rows_tried` rows of the version's `row_count`."""

    version: int
    row_count: int
    rows_tried: int
    is_sample: bool
    milliseconds: int
    result: CheckResult


class RecordCheck(BaseModel):
    """What came of a check on records that were sent; the numbers of the first that fail count from 1."""

    check_id: UUID
    name: str
    severity: str
    holds: bool = Field(description="Whether no more fail than the check tolerates.")
    records_checked: int = Field(description="On how many it decided: of a missing value most checks say nothing.")
    failing_count: int
    first_failing: list[int] = Field(description="At most ten.")


class UndecidedCheck(BaseModel):
    """A check that records by themselves do not decide.

    `whole_table` asks of the table as a whole, `misfit` of columns that are not there or of another type, and `masked` of
    columns marked as personal, whose checks only those are told of who may change the dataset.
    """

    check_id: UUID
    name: str
    why: Literal["whole_table", "misfit", "masked"]


class RecordsChecked(BaseModel):
    """Which of a dataset's checks hold on records that were sent; it `holds` where all that were decided do."""

    records: int
    holds: bool
    items: list[RecordCheck]
    undecided: list[UndecidedCheck]


class CheckPoint(BaseModel):
    """What a check found in one run: a point of its history."""

    id: UUID
    check_run_id: UUID
    version_id: UUID
    version: int | None = Field(description="None for one that was held back.")
    finished_at: datetime
    status: str
    rows_checked: int
    failing_count: int
    failing_fraction: float
    metrics: dict[str, float]


class CheckHistory(BaseModel):
    """A page of a check's history, newest first; `next` is the cursor of the page after this one."""

    items: list[CheckPoint]
    next: str | None


class CheckRunListed(BaseModel):
    """A run of checks on a version, as lists show it."""

    id: UUID
    version_id: UUID
    origin: str = Field(
        description="Who asked for it: a `person`, the `version` that came, a `schedule`; `dbt` for a run of that; "
        "`blocking` for the checks that may hold back a version, before it was accepted."
    )
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
