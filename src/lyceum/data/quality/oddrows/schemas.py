"""Odd rows over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

ROWS_MAX = 500


class NewOddRowSearch(BaseModel):
    """How many of the oddest rows to tell of."""

    model_config = ConfigDict(extra="forbid")

    rows: int = Field(20, ge=1, le=ROWS_MAX)


class OddColumn(BaseModel):
    """A column's part in what makes a row odd: `share` of its oddness, 0 to 1, and what is usual there."""

    column: str
    share: float
    value: str | float | None
    usual: str


class OddRow(BaseModel):
    """A row that is odd among the others: its number from 1, and the columns that made it so, the most first."""

    row: int
    score: float = Field(
        description="0 to 1, the larger the odder: the mean of its ranks by an Isolation Forest and by robust z."
    )
    columns: list[OddColumn]


class OddRowSearchListed(BaseModel):
    """A search for odd rows, as lists show it: queued, then done, or failed with the reason."""

    id: UUID
    version_id: UUID
    state: str
    job_id: UUID | None
    error: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class OddRowSearchPage(BaseModel):
    """A page of searches, newest first; `next` is the cursor of the page after this one."""

    items: list[OddRowSearchListed]
    next: str | None


class OddRowSearch(OddRowSearchListed):
    """A search for odd rows with what it found, the oddest first."""

    rows: list[OddRow]
