"""Tables read from databases, over HTTP."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

_URL = "postgresql://… or mysql://user:password@host:port/database; kept sealed, and never shown."
_TABLE = "A table, or schema.table; instead of a query."
_QUERY = "One query that reads; instead of a table."


class NewSqlImport(BaseModel):
    """What to read as the next version: a table or a query, of a server, of an uploaded SQLite file, or as the source says."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(None, min_length=1, max_length=2000, description=_URL)
    upload_id: UUID | None = Field(None, description="An upload that is an SQLite database.")
    table: str | None = Field(None, min_length=1, max_length=200, description=_TABLE)
    query: str | None = Field(None, min_length=1, max_length=100_000, description=_QUERY)


class SqlSourceSetting(BaseModel):
    """Where a dataset is read from, and when again."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2000, description=_URL)
    table: str | None = Field(None, min_length=1, max_length=200, description=_TABLE)
    query: str | None = Field(None, min_length=1, max_length=100_000, description=_QUERY)
    cron: str | None = Field(None, min_length=1, max_length=100, description="When to read it again: 30 6 * * 1-5.")
    zone: str = Field("UTC", min_length=1, max_length=64, description="The time zone of `cron`.")


class SqlSource(BaseModel):
    """Where a dataset is read from; the password stays sealed."""

    address: str = Field(description="The database, with its user and without the password.")
    table: str | None
    query: str | None
    cron: str | None
    zone: str
    next_at: datetime | None = Field(description="When it is read again.")
    changed_at: datetime
