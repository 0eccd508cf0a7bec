"""Schemas of datasets over HTTP."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lyceum.data.schemas.engine.public import ChangeKind, Direction, Level, Mode

ColumnType = Literal["boolean", "integer", "float", "string", "date", "timestamp", "timestamp_utc"]


class DatasetSchema(BaseModel):
    """What a dataset's columns are or were."""

    id: UUID
    number: int
    version: str = Field(description="`major.minor.patch`: major when somebody could no longer read something.")
    schema_id: int = Field(description="What clients of the schema registry call its id.")
    dataset_version: int | None = Field(description="The dataset's version that first had these columns.")
    avro: str = Field(description="The columns as an Avro schema.")
    created_at: datetime


class DatasetSchemaPage(BaseModel):
    """A page of schemas, newest first."""

    items: list[DatasetSchema]
    next: str | None


class SchemaChange(BaseModel):
    """One thing that differs between two schemas."""

    kind: ChangeKind
    at: str
    before: str
    after: str
    says: str
    breaks: list[Direction] = Field(description="Backward: new readers of old data. Forward: old readers of new data.")


class SchemaBreak(BaseModel):
    """A change that a mode does not allow."""

    direction: Direction
    kind: ChangeKind
    at: str
    says: str
    fix: str


class SchemaDiff(BaseModel):
    """What has changed from one schema of a dataset to another."""

    before: DatasetSchema
    after: DatasetSchema
    level: Level = Field(description="Which part of the version such a change raises.")
    changes: list[SchemaChange]


class SchemaCompatibility(BaseModel):
    """Which changes of its columns a dataset allows; a version that makes others is rejected."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode


class TriedColumn(BaseModel):
    """A column of a schema to try."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=1000)
    type: ColumnType
    nullable: bool = True


class SchemaTry(BaseModel):
    """Columns, or an Avro schema of them, to hold against what the dataset has; nothing is kept."""

    model_config = ConfigDict(extra="forbid")

    columns: list[TriedColumn] | None = Field(default=None, max_length=10_000)
    avro: str | None = Field(default=None, max_length=400_000)
    mode: Mode | None = Field(default=None, description="Instead of the dataset's own.")

    @model_validator(mode="after")
    def _is_one(self) -> "SchemaTry":
        if (self.columns is None) == (self.avro is None):
            raise ValueError("send columns or avro, and not both")
        return self


class SchemaVerdict(BaseModel):
    """What a schema would change, and what of it the mode does not allow."""

    mode: Mode
    is_compatible: bool
    breaks_version: int | None = Field(description="The number of the schema it breaks something with.")
    breaks: list[SchemaBreak]
    level: Level | None = Field(description="What it would raise; null where the dataset has no schema yet.")
    changes: list[SchemaChange] = Field(description="Since the newest schema.")
