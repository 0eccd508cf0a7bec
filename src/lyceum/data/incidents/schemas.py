"""Incidents over HTTP. Answers have no defaults, so that generated clients are exact."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Severity = Literal["info", "warning", "critical"]
State = Literal["open", "acknowledged", "resolved"]
ListedState = Literal["open", "acknowledged", "snoozed", "unresolved", "resolved"]
Resolution = Literal["fixed", "expected", "false_alarm", "duplicate", "ignored"]
COMMENT_CHARACTERS_MAX = 4_000
MINUTES_MAX = 366 * 24 * 60
Comment = Annotated[str, Field(max_length=COMMENT_CHARACTERS_MAX)]
MinutesOrNone = Annotated[int | None, Field(ge=1, le=MINUTES_MAX)]


class PersonNamed(BaseModel):
    """Somebody, and what they are called; null for whoever is no member of the organisation (any more)."""

    user_id: UUID
    name: str | None


class Incident(BaseModel):
    """Something that is wrong with a dataset, as lists show it; `version` is the number of the last version it was seen on."""

    id: UUID
    dataset: str
    kind: str
    title: str
    part: str
    severity: Severity
    state: State
    summary: str
    version: int | None
    version_id: UUID | None
    occurrences: int
    first_seen_at: datetime
    last_seen_at: datetime
    assignee: PersonNamed | None
    acknowledged_by: PersonNamed | None
    acknowledged_at: datetime | None
    snoozed_until: datetime | None
    resolution: str | None
    resolved_by: PersonNamed | None
    resolved_at: datetime | None
    acknowledge_due_at: datetime | None
    resolve_due_at: datetime | None
    acknowledge_breached_at: datetime | None
    resolve_breached_at: datetime | None
    created_at: datetime


class IncidentPage(BaseModel):
    """A page of incidents, those that opened last first; `next` is the cursor of the page after this one."""

    items: list[Incident]
    next: str | None


class Consumer(BaseModel):
    """What was made from a version on which trouble was seen: a training run, or a model version."""

    kind: str
    id: UUID
    address: str
    title: str
    version_id: UUID


class IncidentDetail(Incident):
    """An incident with the figures beside it, what was made of the versions it was seen on, and whether the reader may act.

    `evidence` names what saw it (such as `check_run_id`, whose failing rows are read there) and holds figures.
    `version_state` is `rejected` where the version was held back.
    """

    subject: str
    evidence: dict[str, Any]
    version_state: str | None
    consumers: list[Consumer]
    may_act: bool


class IncidentEvent(BaseModel):
    """A line of a timeline; `data` holds what was seen, or what was changed to what."""

    id: UUID
    kind: str
    by: PersonNamed | None
    comment: str
    data: dict[str, Any]
    created_at: datetime


class IncidentEventPage(BaseModel):
    """A page of a timeline, newest first; `next` is the cursor of the page after this one."""

    items: list[IncidentEvent]
    next: str | None


class IncidentCount(BaseModel):
    """How many incidents are not resolved, and how many of them are critical; 1000 stands for that many and more."""

    unresolved: int
    critical: int


class Acknowledgement(BaseModel):
    """Saying that one looks after it."""

    model_config = ConfigDict(extra="forbid")

    comment: Comment = ""


class Assignment(BaseModel):
    """Who is to look after it; null for nobody in particular."""

    model_config = ConfigDict(extra="forbid")

    user_id: UUID | None


class Snooze(BaseModel):
    """Until when nobody is to hear of it; null ends that."""

    model_config = ConfigDict(extra="forbid")

    until: AwareDatetime | None
    comment: Comment = ""


class ResolutionGiven(BaseModel):
    """Why it is over."""

    model_config = ConfigDict(extra="forbid")

    resolution: Resolution
    comment: Comment = ""


class Reopening(BaseModel):
    """Why it is not over after all."""

    model_config = ConfigDict(extra="forbid")

    comment: Comment = ""


class NewComment(BaseModel):
    """What there is to say of it."""

    model_config = ConfigDict(extra="forbid")

    comment: Annotated[str, Field(min_length=1, max_length=COMMENT_CHARACTERS_MAX)]


class MinutesBySeverity(BaseModel):
    """Minutes by severity; null for no limit."""

    model_config = ConfigDict(extra="forbid")

    info: MinutesOrNone
    warning: MinutesOrNone
    critical: MinutesOrNone


class IncidentSettingsChange(BaseModel):
    """How long the organisation takes: to acknowledge, to resolve, and within how many minutes what recovered opens again."""

    model_config = ConfigDict(extra="forbid")

    acknowledge_minutes: MinutesBySeverity
    resolve_minutes: MinutesBySeverity
    reopen_minutes: Annotated[int, Field(ge=0, le=MINUTES_MAX)]
    weekly_digest: bool
    zone: Annotated[str, Field(min_length=1, max_length=64)]


class IncidentSettings(BaseModel):
    """The same as it stands; revision 0 is what the hub does until somebody changes it."""

    acknowledge_minutes: dict[str, int | None]
    resolve_minutes: dict[str, int | None]
    reopen_minutes: int
    weekly_digest: bool
    zone: str
    revision: int
