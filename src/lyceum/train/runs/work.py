"""What goes to the process that trains and what comes back; light, since the API imports it."""

from typing import Any

import msgspec


class FitWork(msgspec.Struct, frozen=True, kw_only=True):
    """What to learn from which rows, and where the artefact goes."""

    table_key: str
    delta_version: int
    artifact_folder: str
    target: str
    time_limit_seconds: float
    seed: int
    leave_out: dict[str, str]
    marks: dict[str, str] = {}
    """Columns whose values the report does not show."""


class FitOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The report a person reads, and the artefact's path, size, hash and signature."""

    report: dict[str, Any]
    artifact: dict[str, Any]
