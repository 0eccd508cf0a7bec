"""Comparisons of two versions over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[int, Field(ge=1, le=999_999_999)]


class NewDiff(BaseModel):
    """Two versions to compare."""

    model_config = ConfigDict(extra="forbid")

    before: Number
    after: Number
    key: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(
        default_factory=list,
        max_length=20,
        description="Columns that together say which row is which; without them whole rows are compared, and none has "
        "changed: it was removed and another added.",
    )


class ChangedColumn(BaseModel):
    """A column that has another type."""

    name: str
    before: str
    after: str


class ColumnDiff(BaseModel):
    """What differs between the columns."""

    added: list[str]
    removed: list[str]
    changed: list[ChangedColumn]


class RowDiff(BaseModel):
    """What differs between the rows."""

    before: int
    after: int
    added: int
    removed: int
    changed: int | None = Field(
        description="Rows of a key that both have, with another value in a column that both have."
    )
    changed_by_column: dict[str, int]
    samples: dict[str, list[list[Any]]] = Field(
        description="Of `added`, `removed` and `changed`, keys of the first rows."
    )


class ProfileDiff(BaseModel):
    """A column's figure that differs."""

    column: str
    figure: str
    before: Any
    after: Any


class DiffResult(BaseModel):
    """What differs."""

    columns: ColumnDiff
    rows: RowDiff
    profile: list[ProfileDiff]


class Diff(BaseModel):
    """A comparison of two versions: queued, then done, or failed with the reason."""

    id: UUID
    dataset: str
    before: int
    after: int
    key: list[str]
    state: str
    job_id: UUID | None
    result: DiffResult | None
    error: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None
