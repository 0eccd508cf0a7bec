"""What a dataset's checks say of records that are kept nowhere."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """What came of a check on records that were sent; `first_failing` are the numbers of the first, from 1."""

    check_id: str
    name: str
    severity: str
    holds: bool
    records_checked: int
    failing_count: int
    first_failing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UndecidedCheck:
    """A check that records by themselves do not decide; `why` is whole_table, misfit or masked."""

    check_id: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class RecordsChecked:
    """Which of a dataset's checks hold on records that were sent; it `holds` where all that were decided do."""

    records: int
    holds: bool
    items: tuple[RecordCheck, ...]
    undecided: tuple[UndecidedCheck, ...]
