"""What others may care about in checks and in whatever else looks after the quality of data."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from lyceum.kernel.events import Event


class ChecksRan(Event, frozen=True, kw_only=True):
    """A check run has ended with a result for each check; `public.check_run_outcome` says what it found."""

    name = "quality.checks_ran"
    check_run_id: UUID


class CheckDropped(Event, frozen=True, kw_only=True):
    """A check is run no more."""

    name = "quality.check_dropped"
    check_id: UUID
    dataset_id: UUID


class WatchEnded(Event, frozen=True, kw_only=True):
    """What was judged under this kind and subject is watched no more."""

    name = "quality.watch_ended"
    dataset_id: UUID
    kind: str
    subject: str


class QualityJudged(Event, frozen=True, kw_only=True):
    """Something that is watched of a dataset was judged: a metric's newest value, drift, freshness.

    `kind` and `subject` stay the same for ever and name what is watched, `part` the partition; `source` names this judgement,
    which counts once however often it is delivered. `evidence` holds ids and figures, `title` and `summary` nobody's data.
    """

    name = "quality.judged"
    dataset_id: UUID
    kind: str
    subject: str
    part: str = ""
    source: str
    judged_at: datetime
    holds: bool
    severity: Literal["info", "warning", "critical"]
    title: str
    summary: str
    version_id: UUID | None = None
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)


class AnomalyAnswered(Event, frozen=True, kw_only=True):
    """Somebody said of an anomaly whether it was expected; `judged_source` is that of the judgement that told of it.

    `source` names this answer, which counts once however often it is delivered.
    """

    name = "quality.anomaly_answered"
    dataset_id: UUID
    anomaly_id: UUID
    version_number: int
    judged_source: str
    source: str
    answer: Literal["expected", "not_expected", "new_level"]
    user_id: UUID | None
