"""What goes to the process that takes an upload in and what comes back; light, since the API imports it."""

from typing import Any, Literal

import msgspec

UploadFormat = Literal["csv", "parquet", "jsonl", "arrow", "excel"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge is asked of a version; `compute` names the function that answers."""

    judge: str
    compute: str
    asked: dict[str, Any]


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge found, and the error to reject the version with; None where it is good."""

    judge: str
    refusal: dict[str, Any] | None
    found: dict[str, Any]


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """What to read and where its rows go."""

    upload_key: str
    file_name: str
    format: UploadFormat | None
    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool | None = None
    table_key: str
    operation_id: str
    leftovers_older_than_seconds: float
    """What killed attempts left beside the table goes when it is older than this."""
    questions: tuple[Question, ...] = ()


class AcceptedTable(msgspec.Struct, frozen=True, kw_only=True):
    """What was committed: the Delta version and the facts of its rows; no Delta version where a judge refuses them."""

    delta_version: int | None
    row_count: int
    byte_count: int
    table_bytes: int
    source: dict[str, Any]
    table_schema: dict[str, Any]
    profile: dict[str, Any]
    judgements: tuple[Judgement, ...] = ()
    personal: dict[str, dict[str, Any]] = {}
    """What a scan found of its columns, by name."""
