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


class DatasetHealth(BaseModel):
    """How a dataset stands: what came of the checks that ran last on its newest version, and what is open about it."""

    state: str | None = Field(description="`passed`, `failed` or `errored`; null where no checks have run.")
    score: float | None = Field(description="Of 100; `/datasets/{org}/{name}/quality` shows its terms.")
    checked_at: datetime | None
    open_incidents: int


class DatasetListed(Dataset):
    """A dataset as lists show it."""

    health: DatasetHealth


class DatasetPage(BaseModel):
    """A page of datasets, newest first."""

    items: list[DatasetListed]
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


FilterOp = Literal["equals", "differs", "contains", "at_least", "at_most", "is_missing", "is_present"]
ColumnNamed = Annotated[str, Field(min_length=1, max_length=1000)]


class RowFilter(BaseModel):
    """What rows have to fit; dates and times are ISO texts, and texts are looked for in any case of letters."""

    model_config = ConfigDict(extra="forbid")

    column: ColumnNamed
    op: FilterOp
    value: str = Field(default="", max_length=1000, description="Nothing for `is_missing` and `is_present`.")


class RowOrder(BaseModel):
    """By which column, missing values last; texts by their first 100 characters, and what is alike in the table's own order."""

    model_config = ConfigDict(extra="forbid")

    column: ColumnNamed
    descending: bool = False


class SliceWanted(BaseModel):
    """Which rows of a version, in which order, and from which of them on."""

    model_config = ConfigDict(extra="forbid")

    filters: Annotated[list[RowFilter], Field(max_length=20)] = Field(default_factory=list)
    order: RowOrder | None = None
    offset: int = Field(default=0, ge=0, le=10**9)
    limit: int = Field(default=100, ge=1, le=500)


class Slice(Preview):
    """Rows of a version as they were asked for, fewer of very wide ones.

    `places` says where each stands in the version, from 1; `matching` how many rows fit in all.
    """

    places: list[int]
    matching: int
    row_count: int
