"""What goes to the processes that take a table back or compare two versions, and what comes back; light, since the API imports it."""

from typing import Any

import msgspec

from lyceum.data.datasets.work import Judgement, Question


class TakingBack(msgspec.Struct, frozen=True, kw_only=True):
    """Which table is to have the rows of which of its versions again."""

    table_key: str
    to_delta_version: int
    operation_id: str
    table_schema: dict[str, Any]
    line_of_first_row: int | None
    questions: tuple[Question, ...] = ()


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """The version that has those rows; none where a judge refuses them now."""

    delta_version: int | None
    judgements: tuple[Judgement, ...] = ()


class Comparing(msgspec.Struct, frozen=True, kw_only=True):
    """Which two versions of a table to compare, and the columns that say which row is which."""

    table_key: str
    before: int
    after: int
    key_columns: tuple[str, ...]
    marks: dict[str, str] = {}


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between the rows, as it is kept."""

    rows: dict[str, Any]
