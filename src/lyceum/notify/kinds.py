"""Every kind of notice: the facts it carries and the ways it goes by default. Its words stand in `words/`."""

from typing import ClassVar, Literal

import msgspec

Channel = Literal["inbox", "mail", "push"]
CHANNELS: tuple[Channel, ...] = ("inbox", "mail", "push")
Severity = Literal["info", "warning", "critical"]
TEXT_CHARACTERS_MAX = 300


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is told: a kind and its facts, never a sentence in one language, and never a secret.

    `by_default` are the channels it goes by until a person says otherwise, `always` those nobody can turn off.
    `of_organisation` says that an organisation may have it sent to its destinations.
    """

    kind: ClassVar[str]
    by_default: ClassVar[tuple[Channel, ...]] = ("inbox", "push")
    always: ClassVar[tuple[Channel, ...]] = ()
    of_organisation: ClassVar[bool] = False
    severity: ClassVar[Severity] = "info"
    page: ClassVar[str] = ""
    """Where it leads in the web app, with names of facts in braces."""
    object_at: ClassVar[tuple[str, str] | None] = None
    """The kind of object it is about, and the fact that is its address."""


class RunFinished(Notice, frozen=True, kw_only=True):
    """A training run has a model."""

    kind = "run_finished"
    by_default = ("inbox", "push", "mail")
    of_organisation = True
    page = "/runs/{run_id}"
    object_at = ("run", "run_id")
    run_id: str
    dataset: str
    target: str
    metric: str
    score: str


class RunFailed(Notice, frozen=True, kw_only=True):
    """A training run ended without a model."""

    kind = "run_failed"
    by_default = ("inbox", "push", "mail")
    of_organisation = True
    severity = "warning"
    page = "/runs/{run_id}"
    object_at = ("run", "run_id")
    run_id: str
    dataset: str
    target: str
    reason: str


class VersionRejected(Notice, frozen=True, kw_only=True):
    """A file did not become a version of its dataset."""

    kind = "version_rejected"
    by_default = ("inbox", "push", "mail")
    of_organisation = True
    severity = "warning"
    page = "/datasets/{dataset}"
    object_at = ("dataset", "dataset")
    dataset: str
    file_name: str
    reason: str


class JobsDied(Notice, frozen=True, kw_only=True):
    """Jobs the hub could not do; for whoever runs it."""

    kind = "jobs_died"
    severity = "warning"
    page = "/admin/queue?state=dead"
    job_kind: str
    jobs: int
    reason: str


class Incident(Notice, frozen=True, kw_only=True):
    """Something that is watched is not as it should be."""

    kind = "incident"
    by_default = ("inbox", "push", "mail")
    of_organisation = True
    severity = "critical"
    page = "{path}"
    about: str
    summary: str
    path: str
    level: str
    """How grave it is: info, warning, critical."""


class Incidents(Notice, frozen=True, kw_only=True):
    """Several things that are watched are not as they should be."""

    kind = "incidents"
    by_default = ("inbox", "push", "mail")
    of_organisation = True
    severity = "critical"
    page = "{path}"
    about: str
    incidents: int
    summary: str
    path: str
    level: str


class IncidentOver(Notice, frozen=True, kw_only=True):
    """What was not as it should be is over."""

    kind = "incident_over"
    of_organisation = True
    page = "{path}"
    about: str
    path: str


class IncidentWeek(Notice, frozen=True, kw_only=True):
    """What became of an organisation's incidents in a week."""

    kind = "incident_week"
    by_default = ("inbox", "mail")
    of_organisation = True
    page = "/incidents"
    week: str
    opened: int
    resolved: int
    unresolved: int
    overdue: int
    most: str
    """The datasets with the most incidents."""
    oldest: str
    """What has been open longest."""


class AccessAsked(Notice, frozen=True, kw_only=True):
    """Somebody asks for access to something the reader decides about."""

    kind = "access_asked"
    by_default = ("inbox", "push", "mail")
    of_organisation = True
    page = "/access-requests"
    object_at = ("access_request", "address")
    object_kind: str
    address: str
    asked_by: str
    reason: str


class AccessGranted(Notice, frozen=True, kw_only=True):
    """The reader may use what they asked for."""

    kind = "access_granted"
    by_default = ("inbox", "push", "mail")
    page = "/access-requests"
    object_at = ("access_request", "address")
    object_kind: str
    address: str
    role: str


class AccessRefused(Notice, frozen=True, kw_only=True):
    """The reader may not use what they asked for."""

    kind = "access_refused"
    by_default = ("inbox", "push", "mail")
    page = "/access-requests"
    object_at = ("access_request", "address")
    object_kind: str
    address: str


class NewSignIn(Notice, frozen=True, kw_only=True):
    """Somebody signed in as the reader from a device that was not known."""

    kind = "new_sign_in"
    by_default = ("inbox", "mail")
    always = ("inbox", "mail")
    severity = "warning"
    page = "/settings?tab=sessions"
    device: str
    place: str
    at: str


class SecurityWasChanged(Notice, frozen=True, kw_only=True):
    """Something changed by which the reader signs in."""

    kind = "security_changed"
    by_default = ("inbox", "mail")
    always = ("inbox", "mail")
    severity = "warning"
    page = "/settings?tab=security"
    what: str


KINDS: dict[str, type[Notice]] = {
    kind.kind: kind
    for kind in (
        RunFinished,
        RunFailed,
        VersionRejected,
        Incident,
        Incidents,
        IncidentOver,
        IncidentWeek,
        AccessAsked,
        AccessGranted,
        AccessRefused,
        NewSignIn,
        SecurityWasChanged,
        JobsDied,
    )
}
"""In the order in which settings show them."""


def facts_of(notice: Notice) -> dict[str, str | int]:
    """Return the facts of a notice as they are kept; long texts are cut."""
    facts: dict[str, str | int] = msgspec.to_builtins(notice)
    return {name: _cut(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[: TEXT_CHARACTERS_MAX - 1]}…"
