"""The files of a version over HTTP."""

from datetime import datetime

from pydantic import BaseModel, Field


class VersionFile(BaseModel):
    """One Parquet file of a version."""

    name: str
    byte_count: int
    row_count: int
    url: str = Field(description="Where it can be read, in ranges too; a path is one of this hub's. It needs no key.")


class VersionFiles(BaseModel):
    """The Parquet files that hold a version's rows, in their order."""

    dataset: str
    version: int
    row_count: int
    expires_at: datetime = Field(description="When the addresses of the files open nothing any more; ask again then.")
    files: list[VersionFile]
