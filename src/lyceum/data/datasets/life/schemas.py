"""How long a dataset keeps the rows of its versions, over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

COUNT_MAX = 100_000

Versions = Annotated[int, Field(ge=1, le=COUNT_MAX)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class RetentionChange(BaseModel):
    """What a dataset says of its versions; where it says nothing, the hub's settings hold."""

    model_config = ConfigDict(extra="forbid")

    keep_versions: Versions | None = Field(description="How many of the newest versions keep their rows.")
    keep_days: Days | None = Field(description="For how many days every version keeps its rows.")
    dormant_days: Days | None = Field(description="After how many days without a new version it takes no more.")


class Kept(BaseModel):
    """What holds; None for no limit."""

    keep_versions: int | None
    keep_days: int | None
    dormant_days: int | None


class Retention(BaseModel):
    """What a dataset says of its versions, what holds of it together with the hub's settings, and for pushed ones."""

    own: Kept
    holds: Kept
    pushed_versions_kept: int | None
    dormant_at: datetime | None
    tended_at: datetime | None
    thinned_versions: int


class Dormancy(BaseModel):
    """Whether a dataset takes no writes."""

    model_config = ConfigDict(extra="forbid")

    dormant: bool
