"""Which files belong to the datasets as one moment of the database knows them."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from lyceum.data.datasets.addresses import table_key

if TYPE_CHECKING:
    import psycopg

_ACCEPTED = """
    SELECT org_id, dataset_id, max(delta_version) FROM dataset_versions WHERE state = 'accepted' GROUP BY org_id, dataset_id
"""
_TABLE = re.compile(r"tables/[^/]+/[^/]+")
_LOG_ENTRY = re.compile(r"_delta_log/(\d{20})\.")


def files_kept_with(connection: "psycopg.Connection") -> Callable[[str], bool]:
    """Return what tells of a key whether a copy made at the connection's snapshot holds that file; the owner asks.

    A table ends with the newest version that was accepted by then: what was committed later is left out, log entries
    and all, and is read again from its upload. What is staged, or hints at how far the log goes, is made anew.
    """
    from lyceum.data.datasets.tables import version_of_file

    accepted = _accepted(connection)

    def keeps(key: str) -> bool:
        if key.startswith("staging/"):
            return False
        table = _TABLE.match(key)
        if table is None:
            return True
        newest = accepted.get(table[0], -1)
        rest = key.removeprefix(f"{table[0]}/")
        if rest.startswith("_delta_log/"):
            entry = _LOG_ENTRY.match(rest)
            return entry is not None and int(entry[1]) <= newest
        version = version_of_file(key)
        return newest >= 0 and (version is None or version <= newest)

    return keeps


def log_needed_with(connection: "psycopg.Connection") -> set[str]:
    """Return the keys of the log entries that the accepted versions are read by; the owner asks."""
    return {
        f"{table}/_delta_log/{number:020}.json"
        for table, newest in _accepted(connection).items()
        for number in range(newest + 1)
    }


def _accepted(connection: "psycopg.Connection") -> dict[str, int]:
    return {table_key(row[0], row[1]): int(row[2]) for row in connection.execute(_ACCEPTED)}
