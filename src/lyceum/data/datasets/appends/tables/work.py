"""What is appended to which version of a table, and what came of it; light, since the API imports it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from lyceum.data.datasets.work import AcceptedTable, Question

Places = Mapping[str, int]
"""By the name of something rows are read from, the place from which they are to be read next."""


APPENDED_FORMATS = frozenset({"push", "kafka"})
"""What the source of a version says that holds the rows of the one before as well."""


class BaseVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version that rows are appended to."""

    id: UUID
    number: int
    delta_version: int
    columns: tuple[tuple[str, str], ...]
    profile: dict[str, Any] = {}
    """As the engine wrote it."""


class AppendTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where rows go: a table, behind which of its versions, and as which operation; without a base they are the first."""

    table_key: str
    operation_id: str
    base: BaseVersion | None
    leftovers_older_than_seconds: float
    questions: tuple[Question, ...] = ()
    """What the rows are judged by before they are committed."""


class AppendedTable(msgspec.Struct, frozen=True, kw_only=True):
    """What was committed, or held back, and on top of which version."""

    table: AcceptedTable
    base_id: UUID | None
