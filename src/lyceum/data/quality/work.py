"""What goes to the process that runs them and what comes back; light, since the API imports it."""

from typing import Any
from uuid import UUID

import msgspec


class TableAt(msgspec.Struct, frozen=True, kw_only=True):
    """Where the rows of a version lie."""

    table_key: str
    delta_version: int
    hidden: tuple[str, ...] = ()
    """Columns that nobody of the organisation whose checks these are reads unmasked: keys are not looked up in them."""


class ChecksToRun(msgspec.Struct, frozen=True, kw_only=True):
    """Checks, and the tables that they compare with."""

    marks: dict[str, str] = {}
    """Columns whose values are told nowhere."""
    check_ids: list[UUID]
    definitions: list[dict[str, Any]]
    references: dict[str, TableAt] = {}
    """Versions of the same dataset that checks compare with, by the name they have there."""
    others: dict[str, TableAt] = {}
    """Versions of other datasets that checks look keys up in, by address."""


class CheckWork(ChecksToRun, frozen=True, kw_only=True):
    """Which rows of a version to check, and how."""

    table_key: str
    delta_version: int
    line_of_first_row: int | None
    keeps_state: bool = False
    """Whether all of the dataset's checks run, so that what they counted is of use to its next version."""
    kept: bytes | None = None
    """What an earlier run kept."""


class StateToKeep(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks counted on a version, for the next one to go on from."""

    delta_version: int
    state: bytes
    marks: dict[str, str]
    """The columns of which it holds no value."""


class CheckedTable(msgspec.Struct, frozen=True, kw_only=True):
    """The results, in the order of the checks."""

    passed: bool
    check_ids: list[UUID]
    results: list[dict[str, Any]]
    keep: StateToKeep | None = None
