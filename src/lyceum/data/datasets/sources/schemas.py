"""Files fetched from elsewhere, over HTTP."""

from pydantic import BaseModel, ConfigDict, Field

from lyceum.data.datasets.work import UploadFormat


class NewFetch(BaseModel):
    """A file to fetch and read as the next version; how it is written is found where it is not given."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2000, description="Kept sealed until the file is there, and never shown.")
    file_name: str | None = Field(None, min_length=1, max_length=255, description="Else the last part of the address.")
    format: UploadFormat | None = None
    encoding: str | None = Field(None, min_length=1, max_length=40, description="Of text, such as windows-1252.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="What separates the fields of text.")
    has_header: bool | None = Field(None, description="Whether the first line of delimited text names the columns.")
