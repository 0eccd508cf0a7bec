"""What names a dataset and its versions, and where their rows lie."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lyceum.data.datasets.errors import AddressInvalid
from lyceum.data.datasets.rows.public import Marks
from lyceum.data.datasets.schemas import TableSchemaOut

_ADDRESS = re.compile(r"(?P<org>[a-z0-9-]{1,64})/(?P<name>[A-Za-z0-9._-]{1,96})(@(?P<number>[1-9][0-9]{0,8}|latest))?")


@dataclass(frozen=True, slots=True)
class DatasetAddress:
    """`org/name`, with the version a person asked for; None stands for the latest."""

    org: str
    name: str
    number: int | None

    @classmethod
    def parse(cls, text: str) -> "DatasetAddress":
        """Return the parts of `org/name`, `org/name@3` or `org/name@latest`; raises `AddressInvalid`."""
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise AddressInvalid(
                f"{text[:100]!r} is no address of a dataset; write org/name, or org/name@3 for a version."
            )
        number = found["number"]
        return cls(found["org"], found["name"], None if number in {None, "latest"} else int(number))


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A dataset the caller may use as they asked; `address` is `org/name`."""

    id: UUID
    org_id: UUID
    address: str


@dataclass(frozen=True, slots=True)
class VersionTable:
    """An accepted version and where its rows lie; the key is the hub's own, never a user's."""

    version_id: UUID
    dataset_id: UUID
    org_id: UUID
    address: str
    number: int
    table_key: str
    delta_version: int
    row_count: int
    column_notes: dict[str, str]
    table_schema: TableSchemaOut
    line_of_first_row: int | None
    marks: Marks
    """Columns that hold personal data, whose values leave the table masked."""


@dataclass(frozen=True, slots=True)
class VersionCard:
    """What is said of a version of whatever state; only one that was accepted has a number."""

    id: UUID
    number: int | None
    state: str


@dataclass(frozen=True, slots=True)
class AcceptedVersion:
    """A version that has its rows, where they lie, and when it was accepted."""

    id: UUID
    number: int
    accepted_at: datetime
    table_key: str
    delta_version: int


def rewriting_key(dataset_id: UUID) -> str:
    """Return the ordering key of the jobs that write a table's files or log anew: never two of one table at a time."""
    return f"rewrite:{dataset_id}"


def table_key(org_id: UUID, dataset_id: UUID) -> str:
    """Return where a dataset's Delta table lies in the hub's storage."""
    return f"tables/{org_id}/{dataset_id}"
