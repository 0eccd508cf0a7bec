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
    """A line of a timeline; `data` holds what was seen, or what was changed to what.

    `assigned_to` is who was to look after it from then on, of an event that says so.
    """

    id: UUID
    kind: str
    by: PersonNamed | None
    assigned_to: PersonNamed | None
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
    """The same as it stands; revision 1 is what the hub does until somebody changes it."""

    acknowledge_minutes: dict[str, int | None]
    resolve_minutes: dict[str, int | None]
    reopen_minutes: int
    weekly_digest: bool
    zone: str
    revision: int


ALERT_PEOPLE_MAX = 50
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TimeOfDay = Annotated[
    str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Hours and minutes, as `22:30`.")
]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
TagsNamed = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=20)]
KindName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]


class HoursOfDays(BaseModel):
    """Hours of some days; beyond midnight where they end before they begin, all day where both are the same."""

    model_config = ConfigDict(extra="forbid")

    days: Annotated[list[Day], Field(min_length=1, max_length=7)]
    begins: TimeOfDay
    ends: TimeOfDay


class AlertConditions(BaseModel):
    """Which incidents a rule is about; what is empty or null leaves none out. `datasets` are `org/name` and may hold `*`.

    Of tags the dataset, or the check that failed, has at least one; incidents of no check fall under no rule with `check_tags`.
    """

    model_config = ConfigDict(extra="forbid")

    datasets: Annotated[list[Pattern], Field(max_length=100)] = []
    dataset_tags: TagsNamed = []
    check_tags: TagsNamed = []
    severities: Annotated[list[Severity], Field(max_length=3)] = []
    kinds: Annotated[list[KindName], Field(max_length=20)] = []
    hours: HoursOfDays | None = None


class AlertDelivery(BaseModel):
    """How a rule tells: what is told together, within how many seconds; how often at most; when nobody is to be disturbed.

    What was told of an incident is not told again within `repeat_minutes`, unless it has become worse.
    """

    model_config = ConfigDict(extra="forbid")

    group_by: Literal["incident", "dataset", "rule"] = "incident"
    group_seconds: Annotated[int, Field(ge=0, le=24 * 3600)] = 0
    repeat_minutes: Annotated[int, Field(ge=0, le=MINUTES_MAX)] = 60
    per_hour_max: Annotated[int | None, Field(ge=1, le=1000)] = None
    quiet: HoursOfDays | None = None
    quiet_lets_critical_pass: bool = True
    zone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"


class AlertTargets(BaseModel):
    """Whom: a destination of the organisation, and people who are its members."""

    model_config = ConfigDict(extra="forbid")

    destination_id: UUID | None = None
    people: Annotated[list[UUID], Field(max_length=ALERT_PEOPLE_MAX)] = []


class Escalation(BaseModel):
    """Whom else, when nobody has acknowledged it so many minutes after it was told."""

    model_config = ConfigDict(extra="forbid")

    after_minutes: Annotated[int, Field(ge=1, le=MINUTES_MAX)]
    to: AlertTargets


class AlertRuleWanted(BaseModel):
    """A rule as it is to be; unless it `goes_on`, those after it are not asked about an incident that falls under it."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    enabled: bool = True
    conditions: AlertConditions = AlertConditions()
    delivery: AlertDelivery = AlertDelivery()
    to: AlertTargets
    escalation: Escalation | None = None
    goes_on: bool = False


class HoursShown(BaseModel):
    """Hours of some days, as they were sent."""

    days: list[Day]
    begins: str
    ends: str


class ConditionsShown(BaseModel):
    """Which incidents a rule is about."""

    datasets: list[str]
    dataset_tags: list[str]
    check_tags: list[str]
    severities: list[Severity]
    kinds: list[str]
    hours: HoursShown | None


class DeliveryShown(BaseModel):
    """How a rule tells."""

    group_by: Literal["incident", "dataset", "rule"]
    group_seconds: int
    repeat_minutes: int
    per_hour_max: int | None
    quiet: HoursShown | None
    quiet_lets_critical_pass: bool
    zone: str


class TargetsShown(BaseModel):
    """Whom a rule tells; a destination or somebody that is gone is told nothing."""

    destination_id: UUID | None
    people: list[UUID]


class EscalationShown(BaseModel):
    """Whom else, and when."""

    after_minutes: int
    to: TargetsShown


class AlertRule(BaseModel):
    """Who is told of which incidents."""

    id: UUID
    name: str
    enabled: bool
    conditions: ConditionsShown
    delivery: DeliveryShown
    to: TargetsShown
    escalation: EscalationShown | None
    goes_on: bool
    created_at: datetime
    revision: int


class DestinationNamed(BaseModel):
    """A destination that a rule may name."""

    id: UUID
    kind: str
    name: str


class AlertRuleList(BaseModel):
    """All rules in the order in which they are asked, and the destinations they may name; there are few enough for one page."""

    items: list[AlertRule]
    destinations: list[DestinationNamed]


class AlertRuleOrder(BaseModel):
    """The ids of all rules, in the order in which they are to be asked."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[UUID], Field(max_length=100)]


class AlertRuleTried(BaseModel):
    """How many a sample is on its way to."""

    destinations: int
    people: int
