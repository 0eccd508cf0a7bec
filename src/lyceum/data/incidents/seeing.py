"""What is seen of a dataset, and the incident it makes, goes on with, or ends."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

Severity = Literal["info", "warning", "critical"]
CHECK = "check"
"""The kind of incidents that checks make."""
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least to the worst."""
TEXT_CHARACTERS_MAX = 500
Minutes = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is watched: a check, a metric or something else of a dataset, or of a part of it. `kind` and `name` stay the same for ever."""

    dataset_id: UUID
    kind: str
    name: str
    part: str = ""

    @property
    def fingerprint(self) -> str:
        """What at most one incident that is not resolved has, in hexadecimal."""
        told = "\x1f".join((str(self.dataset_id), self.kind, self.name, self.part))
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that is not as it should be.

    `source` names what saw it, such as a check run: told twice, it counts once. `title` is what people call the subject and
    `summary` one sentence without anybody's data; `evidence` holds ids and figures. What is seen on `late` news counts where
    an incident is open, and opens none.
    """

    subject: Subject
    source: str
    seen_at: datetime
    severity: Severity
    title: str
    summary: str
    version_id: UUID | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Something is as it should be; it ends the incident that is open about it, unless trouble was seen since."""

    subject: Subject
    source: str
    seen_at: datetime
    summary: str
    version_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an organisation takes, by severity in minutes (None: no limit), and within how many what has recovered opens again."""

    acknowledge: Minutes
    resolve: Minutes
    reopen_minutes: int


DEFAULT_LIMITS = Limits(
    acknowledge={"info": None, "warning": 24 * 60, "critical": 60},
    resolve={"info": None, "warning": 7 * 24 * 60, "critical": 24 * 60},
    reopen_minutes=60,
)


def worse(one: str, other: str) -> str:
    """Return the worse of two severities."""
    return max(one, other, key=SEVERITIES.index)


def due(minutes: Minutes, severity: str, *, since: datetime) -> datetime | None:
    """Return when a limit ends, None where there is none for the severity."""
    allowed = minutes.get(severity)
    return None if allowed is None else since + timedelta(minutes=allowed)


def earliest(*times: datetime | None) -> datetime | None:
    """Return the first of some times, None where none is known."""
    return min((time for time in times if time is not None), default=None)


def shortened(text: str) -> str:
    """Return a text as incidents keep it: without control characters, of at most so many characters."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= TEXT_CHARACTERS_MAX else f"{clean[: TEXT_CHARACTERS_MAX - 1]}…"
