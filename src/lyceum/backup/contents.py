"""What of a hub's files belongs to a copy of it: each module says so of its own, at one snapshot of the database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lyceum.data.datasets.public import files_kept_with, log_needed_with
from lyceum.files.public import uploads_needed_with
from lyceum.serve.registry.public import artifacts_needed_with

if TYPE_CHECKING:
    import psycopg

KEPT = (files_kept_with,)
"""A file is copied when all of these keep it."""
NEEDED = (log_needed_with, uploads_needed_with, artifacts_needed_with)
"""What is missed when the storage has lost it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Which files a snapshot goes with, and which it cannot do without."""

    keeps: Callable[[str], bool]
    needed: frozenset[str]

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Return the needed files that are not among these."""
        return sorted(self.needed.difference(keys))


def contents_at(connection: "psycopg.Connection") -> Contents:
    """Return what belongs to a copy made at the connection's snapshot; it is the owner's."""
    keepers = [kept(connection) for kept in KEPT]
    needed = frozenset(key for named in NEEDED for key in named(connection))
    return Contents(keeps=lambda key: all(keeps(key) for keeps in keepers), needed=needed)
