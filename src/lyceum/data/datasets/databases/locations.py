"""Addresses of databases as people write them, and names of tables; what a hub would not open is refused here."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from lyceum.data.datasets.databases.errors import DatabaseUrlInvalid, QueryRefused
from lyceum.data.datasets.databases.work import DatabaseKind, Tls

_KINDS: dict[str, tuple[DatabaseKind, int]] = {
    "postgresql": ("postgresql", 5432),
    "postgres": ("postgresql", 5432),
    "mysql": ("mysql", 3306),
    "mariadb": ("mysql", 3306),
}
_TLS: dict[str, Tls] = {
    "disable": "disable",
    "prefer": "prefer",
    "require": "require",
    "verify-full": "verify-full",
}
_FORM = "postgresql://user:password@host:5432/database or mysql://user:password@host:3306/database"
_LEADING = re.compile(r"(?:\s+|\(|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
_READS = re.compile(r"(select|with|values|table)\b", re.IGNORECASE)
PARTS_MAX = 3


@dataclass(frozen=True, slots=True)
class DatabaseLocation:
    """A database on a server."""

    kind: DatabaseKind
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    tls: Tls

    @property
    def shown(self) -> str:
        """The address without the password."""
        return f"{self.kind}://{self.user}@{self.host}:{self.port}/{self.database}"


def database_location(url: str) -> DatabaseLocation:
    """Return the parts of an address; raises `DatabaseUrlInvalid`, which says nothing of the password."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        asked = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise DatabaseUrlInvalid(f"This is no address of a database; write {_FORM}.") from None
    if parts.scheme not in _KINDS or not parts.hostname or not parts.username:
        raise DatabaseUrlInvalid(f"This is no address of a database on a server; write {_FORM}.")
    kind, usual_port = _KINDS[parts.scheme]
    host, database = unquote(parts.hostname), unquote(parts.path.removeprefix("/"))
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", host):
        raise DatabaseUrlInvalid(
            "The host must be a name or an address; sockets and folders of this machine are not opened."
        )
    if not database or "\0" in unquote(url):
        raise DatabaseUrlInvalid(f"The address of {host} names no database; write {_FORM}.")
    if other := sorted(asked.keys() - {"sslmode"}):
        raise DatabaseUrlInvalid(f"Of an address's options only sslmode is read, not {other[0][:40]!r}; leave it out.")
    tls = _TLS.get(asked.get("sslmode", "prefer"))
    if tls is None:
        raise DatabaseUrlInvalid(f"sslmode is one of {', '.join(_TLS)}.")
    return DatabaseLocation(
        kind, host, port or usual_port, unquote(parts.username), unquote(parts.password or ""), database, tls
    )


def table_parts(name: str) -> tuple[str, ...]:
    """Return the parts of `table` or `schema.table`; raises `QueryRefused`."""
    parts = tuple(name.split("."))
    if len(parts) > PARTS_MAX or any(not part or not part.isprintable() for part in parts):
        raise QueryRefused(f"{name[:100]!r} names no table; write table or schema.table, or a query.")
    return parts


def read_only_query(text: str) -> str:
    """Return a query without what ends it; raises `QueryRefused` for what does not begin as one that reads."""
    query = text.strip().rstrip(";").rstrip()
    start = _LEADING.match(query)
    if "\0" in query or _READS.match(query, start.end() if start else 0) is None:
        raise QueryRefused("Only a query that reads is run: one that begins with SELECT, WITH, VALUES or TABLE.")
    return query
