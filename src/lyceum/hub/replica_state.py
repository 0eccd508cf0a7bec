"""What `lyceum doctor` and `lyceum status` say of the replica that reads may go to."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, LiteralString

from lyceum.kernel.config import Settings
from lyceum.kernel.problems import first_line

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS_MAX = 10
ASK_SECONDS_MAX = 2.0
BIG_LAG_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class ReplicaFinding:
    """Whether the replica can be read from, and what to do when it cannot."""

    verdict: Literal["ok", "warn", "fail"]
    found: str
    fix: str


def examine_replica(settings: Settings) -> ReplicaFinding | None:
    """Look at the replica and how far it is behind its primary; None where none is named."""
    if settings.database_replica_url is None:
        return None
    if settings.database_url is None:
        fix = "set LYCEUM_DATABASE_URL to its primary, or leave both unset"
        return ReplicaFinding("fail", "named, but the embedded PostgreSQL has no replica", fix)
    import psycopg
    from sqlalchemy.exc import ArgumentError

    from lyceum.kernel.migrate import libpq_url

    try:
        urls = [libpq_url(url.get_secret_value()) for url in (settings.database_url, settings.database_replica_url)]
        with (
            psycopg.connect(urls[0], connect_timeout=CONNECT_SECONDS_MAX) as primary,
            psycopg.connect(urls[1], connect_timeout=CONNECT_SECONDS_MAX) as replica,
        ):
            return _compared(primary, replica)
    except (psycopg.Error, ArgumentError, ValueError) as error:
        return ReplicaFinding(
            "warn", first_line(error), "check LYCEUM_DATABASE_REPLICA_URL; meanwhile the primary answers all reads"
        )


def replica_in_use(settings: Settings) -> str | None:
    """Return what the running API says of its replica, None where none is named; asks it over HTTP and waits a moment."""
    if settings.database_replica_url is None:
        return None
    own = settings.model_copy(update={"public_url": None}).base_url
    try:
        with urllib.request.urlopen(f"{own}{settings.root_path}/health/ready", timeout=ASK_SECONDS_MAX) as reply:  # noqa: S310 our own
            return str(json.load(reply).get("replica", "unknown"))
    except (urllib.error.URLError, OSError, ValueError):
        return "unknown"


def _compared(primary: "psycopg.Connection", replica: "psycopg.Connection") -> ReplicaFinding:
    position = _one(replica, "SELECT pg_last_wal_replay_lsn()::text FROM pg_is_in_recovery() AS follows WHERE follows")
    if position is None:
        return ReplicaFinding("warn", "follows no primary", "name a streaming replica (a hot standby) of the database")
    identities = [
        _one(server, "SELECT system_identifier::text FROM pg_control_system()") for server in (primary, replica)
    ]
    if identities[0] != identities[1]:
        return ReplicaFinding("warn", "follows another server", "name a replica of the server in LYCEUM_DATABASE_URL")
    behind = primary.execute("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", (position,)).fetchone()
    lag = max(0, int(behind[0])) if behind is not None else 0
    found = f"{lag:,} bytes behind its primary"
    fix = "see why it lags: pg_stat_replication on the primary; meanwhile that one answers"
    return ReplicaFinding("ok" if lag < BIG_LAG_BYTES else "warn", found, fix)


def _one(connection: "psycopg.Connection", query: LiteralString) -> str | None:
    row = connection.execute(query).fetchone()
    return str(row[0]) if row is not None and row[0] is not None else None
