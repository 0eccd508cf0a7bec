"""Personal data over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

PersonalKindName = Literal["email", "phone", "card", "iban", "name", "other"]


class PersonalColumn(BaseModel):
    """What is known of a column; its values leave the dataset masked while it is marked."""

    name: str
    kind: PersonalKindName
    is_marked: bool
    said_by: Literal["scan", "person"]
    confidence: float = Field(description="The share of its values that looked so, 0 to 1; 1 where a person said it.")
    reason: str


class PersonalColumns(BaseModel):
    """The columns of a dataset that hold personal data, or of which a person said that they do not."""

    items: list[PersonalColumn]


class PersonalDecision(BaseModel):
    """What a person says of a column; it stays, whatever later scans find."""

    model_config = ConfigDict(extra="forbid")

    column: Annotated[str, Field(min_length=1, max_length=500)]
    is_marked: bool
    kind: PersonalKindName = "other"


class NewErasure(BaseModel):
    """Who is to be erased: everybody whose row holds the value in the column."""

    model_config = ConfigDict(extra="forbid")

    column: Annotated[str, Field(min_length=1, max_length=500)]
    value: Annotated[
        str,
        Field(
            min_length=1, max_length=1000, description="As a text, whatever the column's type; kept sealed until done."
        ),
    ]


class ModelTrained(BaseModel):
    """A training on a version that had the person."""

    kind: str
    id: UUID
    name: str
    version: int = Field(description="The dataset's version that it was trained on.")


class Erasure(BaseModel):
    """Somebody being erased from every version of a dataset, or having been; whom is told nowhere."""

    id: UUID
    dataset: str
    column: str
    state: Literal["queued", "done", "failed"]
    job_id: UUID | None
    rows_removed: dict[int, int] = Field(description="By the numbers of the versions that had the person.")
    trained_on: list[ModelTrained] = Field(description="What was trained on one of them, and may have learned of them.")
    made_into: list[str] = Field(
        description="Datasets with versions made of rows of this one, which are not touched: erase them there as well."
    )
    error: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None
