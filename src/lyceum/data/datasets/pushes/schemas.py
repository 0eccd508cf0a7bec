"""Pushes over HTTP."""

from datetime import datetime

from pydantic import BaseModel, Field


class Pushed(BaseModel):
    """Records that are kept, and will be part of the dataset's next version."""

    dataset: str
    batch: int = Field(description="Its number; later ones are higher.")
    records: int
    due_at: datetime = Field(description="When a version is made of what waits, unless one is being made just then.")


class PushState(BaseModel):
    """What was pushed to a dataset and is no part of an accepted version yet."""

    waiting_batches: int
    waiting_records: int
    waiting_bytes: int
    waiting_since: datetime | None
    in_hand_records: int = Field(description="Of which a version is being made.")
    held_records: int = Field(description="Kept with versions that were rejected, for as long as those are kept.")
