"""Quarantined rows over HTTP."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lyceum.data.datasets.schemas import DatasetName


class NewQuarantine(BaseModel):
    """Where the failing rows of a check run go, and of which check."""

    model_config = ConfigDict(extra="forbid")

    dataset: DatasetName = Field(
        description="The name of a dataset in the organisation of the one that was checked; made where it is not there."
    )
    check_id: UUID | None = Field(None, description="The check whose failing rows go there; `null` for those of all.")
