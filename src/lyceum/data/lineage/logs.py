"""Datasets of what models predict: asked of the module above that fills them, which `wiring.PREDICTION_LOGS` names."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class PredictionLog:
    """A version of a model, at `model`, and the dataset that its predictions go into."""

    model_version_id: UUID
    model: str
    dataset_id: UUID
    dataset: str


PredictionLogsOf = Callable[[AsyncSession, UUID, Collection[UUID]], Awaitable[Sequence[PredictionLog]]]
"""Takes the id of a dataset and those of versions of models, and returns the logs that fill the one or come of the others, as far
as the caller sees them; a constant number of queries."""
