"""What clients of Delta Sharing send, as far as this hub reads it."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

MaxResults = Annotated[int | None, Query(alias="maxResults", ge=0)]
PageToken = Annotated[str | None, Query(alias="pageToken", max_length=64)]


class TableQuery(BaseModel):
    """Which rows a client wants; hints on their values may be passed over by the protocol, and are."""

    # the other end is somebody else's program, which learns new words before this hub does
    model_config = ConfigDict(extra="ignore")

    limit_hint: int | None = Field(None, alias="limitHint", ge=0)
    version: int | None = Field(None, ge=0, le=2**31 - 1)
    timestamp: datetime | None = None
    starting_version: int | None = Field(None, alias="startingVersion")
    ending_version: int | None = Field(None, alias="endingVersion")
