"""Watches, metrics and anomalies over HTTP."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

Detector = Literal["seasonal", "robust", "smoothing", "forest", "sequence"]


class WatchChange(BaseModel):
    """How a dataset is to be watched. Other detectors or another alarm rate hold from the next version on."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool
    alarm_share: float = Field(default=0.05, ge=0.001, le=0.5)
    detectors: list[Detector] = Field(
        default=["seasonal", "robust", "smoothing", "forest"],
        min_length=1,
        max_length=5,
        description="`seasonal` is one of them; `sequence` needs the extra `lyceum-hub[torch]`.",
    )

    @field_validator("detectors")
    @classmethod
    def _has_seasonal(cls, detectors: list[Detector]) -> list[Detector]:
        if "seasonal" not in detectors:
            raise ValueError("lacks seasonal, by which charts are drawn and answers are learned; name it as well")
        return detectors


class Watch(BaseModel):
    """How a dataset is watched, and how far: `watched_version` is the last that was looked at, 0 before the first."""

    enabled: bool
    alarm_share: float
    detectors: list[str]
    watched_version: int
    points: int
    learning_points: int


class MetricListed(BaseModel):
    """A metric with its newest value; `column` is empty for one of the whole table."""

    metric: str
    column: str
    kind: str
    value: float | None
    is_odd: bool


class MetricList(BaseModel):
    """All metrics of a dataset, those of the table first."""

    items: list[MetricListed]


class MetricPoint(BaseModel):
    """A point of a chart: `low` to `high` is the band; `mark` is kept, held, confirmed, expected or left_behind."""

    at: datetime
    value: float | None
    low: float | None
    expected: float | None
    high: float | None
    mark: str
    anomaly_id: UUID | None
    answer: str | None


class MetricSeries(BaseModel):
    """The newest points of a metric, oldest first, at most 180."""

    metric: str
    points: list[MetricPoint]


class AnomalyFinding(BaseModel):
    """A metric that stood out: its value, and the band it was expected in."""

    metric: str
    value: float
    low: float | None
    expected: float | None
    high: float | None
    score: float


class Anomaly(BaseModel):
    """A version whose metrics were odd, the oddest metric first; `answer` is what people said of it."""

    id: UUID
    version_number: int
    at: datetime
    score: float
    threshold: float
    findings: list[AnomalyFinding]
    answer: str | None
    answered_at: datetime | None


class AnomalyPage(BaseModel):
    """A page of anomalies, newest first; `next` is the cursor of the page after this one."""

    items: list[Anomaly]
    next: str | None


class AnomalyAnswer(BaseModel):
    """What a person says: `expected`, `not_expected`, or `new_level` when it stays like this."""

    model_config = ConfigDict(extra="forbid")

    answer: Literal["expected", "not_expected", "new_level"]
