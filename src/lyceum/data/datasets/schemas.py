"""Datasets over HTTP."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from lyceum.data.datasets.work import UploadFormat

NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9])?$"
Visibility = Literal["private", "internal", "public"]
Description = Annotated[str, Field(max_length=10_000)]
ColumnNotes = Annotated[dict[str, str], Field(max_length=5_000)]
Licence = Annotated[str, Field(max_length=200)]
README_CHARACTERS_MAX = 100_000


def _usable_name(name: str) -> str:
    if not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(
            f"{name[:100]!r} cannot be a name: use up to 96 letters, digits, dots, dashes and underscores, and begin and "
            "end with a letter or digit"
        )
    return name


DatasetName = Annotated[str, AfterValidator(_usable_name), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})]


def _each_once(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


Tag = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?$")]
Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(_each_once)]


class NewDataset(BaseModel):
    """A dataset to make in the organisation acted in."""

    model_config = ConfigDict(extra="forbid")

    name: DatasetName = Field(description="Letters, digits, dots, dashes and underscores.")
    description: Description = ""
    column_notes: ColumnNotes = Field(default_factory=dict)
    tags: Tags = Field(
        default_factory=list, description="Words it is found by: small letters, digits, dots and dashes."
    )
    licence: Licence = Field(default="", description="Under which it may be used, best by its SPDX name: CC-BY-4.0.")
    readme: str = Field(
        default="", max_length=README_CHARACTERS_MAX, description="What there is to know of it, in Markdown."
    )
    visibility: Visibility = "private"
    sensitive: bool = Field(default=False, description="Whether every read of it is recorded in the audit log.")


class DatasetChange(BaseModel):
    """What is to change of a dataset; what is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    description: Description | MISSING = MISSING
    column_notes: ColumnNotes | MISSING = Field(
        MISSING, description="All of them: a column that is not among them has no note afterwards."
    )
    tags: Tags | MISSING = Field(MISSING, description="All of them.")
    licence: Licence | MISSING = MISSING
    readme: Annotated[str, Field(max_length=README_CHARACTERS_MAX)] | MISSING = MISSING
    visibility: Visibility | MISSING = MISSING
    sensitive: bool | MISSING = MISSING


class Dataset(BaseModel):
    """A dataset as people with access see it."""

    id: UUID
    address: str
    organisation: str
    name: str
    description: str
    column_notes: dict[str, str]
    tags: list[str]
    licence: str
    visibility: str
    sensitive: bool = Field(description="Whether every read of it is recorded in the audit log.")
    latest_version: int | None
    created_at: datetime
    dormant_at: datetime | None = Field(description="Since when it takes no data, until it is brought back.")
    revision: int = Field(description="Raised by every change of what can be changed of it; its `ETag`.")


class Readme(BaseModel):
    """What there is to know of a dataset, in Markdown as it was written: whoever shows it makes it safe."""

    readme: str


class DatasetPage(BaseModel):
    """A page of datasets, newest first."""

    items: list[Dataset]
    next: str | None


class NewVersion(BaseModel):
    """A version to make of an upload; how the file is written is found where it is not given."""

    model_config = ConfigDict(extra="forbid")

    upload_id: UUID
    format: UploadFormat | None = None
    encoding: str | None = Field(None, min_length=1, max_length=40, description="Of text, such as windows-1252.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="What separates the fields of text.")
    has_header: bool | None = Field(None, description="Whether the first line of delimited text names the columns.")


class ColumnOut(BaseModel):
    """One column of a version."""

    name: str
    type: str
    nullable: bool


class TableSchemaOut(BaseModel):
    """The columns of a version, in order."""

    columns: list[ColumnOut]


class Version(BaseModel):
    """A version: pending while it is read, then accepted with a number, or rejected with the reason.

    Since `thinned_at` its rows are not read any more.
    """

    id: UUID
    dataset: str
    number: int | None
    state: str
    job_id: UUID | None
    file_name: str
    row_count: int | None
    byte_count: int | None
    source: dict[str, Any]
    table_schema: TableSchemaOut | None
    error: dict[str, Any] | None
    created_at: datetime
    accepted_at: datetime | None
    thinned_at: datetime | None


class VersionPage(BaseModel):
    """A page of versions, newest first."""

    items: list[Version]
    next: str | None


class Preview(BaseModel):
    """The first rows of a version, a list of values a row, in the order of `columns`."""

    columns: list[str]
    rows: list[list[Any]]
