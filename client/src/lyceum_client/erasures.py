"""People erased from datasets, as the hub tells of it."""

from dataclasses import dataclass
from datetime import datetime

from lyceum_client.answers import Json


@dataclass(frozen=True, slots=True)
class Erasure:
    """Somebody being erased from every version of a dataset, or having been; whom is told nowhere.

    `rows_removed` are by the numbers of the versions that had them; `trained_on` names what was trained on one of those,
    and `made_into` the datasets with versions made of rows of this one, which are not touched.
    """

    id: str
    dataset: str
    column: str
    state: str
    job_id: str | None
    rows_removed: Json
    trained_on: tuple[Json, ...]
    made_into: tuple[str, ...]
    error: Json | None
    created_at: datetime
    finished_at: datetime | None
