"""Where a dataset's versions come from and what was made of them, over HTTP."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

NodeKind = Literal["upload", "push", "stream", "database", "prediction_log", "version", "run", "model"]
EdgeKind = Literal["read", "appended", "follows", "restores", "trained", "made", "predicted", "derived"]


class LineageNode(BaseModel):
    """A thing that data came through.

    `upload` is a file that was sent or fetched, `push` the records that were pushed, `stream` the messages that were read of
    one, `database` a table that was read of one, `prediction_log` the dataset of what a model has predicted. `number` and `state` are those of versions; a version beside the page has its number alone.
    """

    id: str
    kind: NodeKind
    title: str
    address: str | None
    number: int | None
    state: str | None
    at: datetime | None


class LineageEdge(BaseModel):
    """Data went from one node to another; `derived` says that rows of a version were taken into one of another dataset."""

    source: str
    target: str
    kind: EdgeKind


class Lineage(BaseModel):
    """A dataset's versions, newest first, with what they came of and what came of them; `next` is the cursor of older ones."""

    dataset: str
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    next: str | None
