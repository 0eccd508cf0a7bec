"""A note in the database itself: which release's migrations it has, for which role, whether it has an administrator.

With it a later start knows within milliseconds that there is nothing to prepare, and a hub that may not migrate knows
whether the tables are of its release. Without it everything is prepared again, which changes nothing. It is the comment
on the table of the history, so it goes where the tables go, a dump included, and every role may read it.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lyceum.hub.postgres import APP_ROLE, DATABASE, OWNER_ROLE, EmbeddedPostgres
from lyceum.kernel.history import history_digest

if TYPE_CHECKING:
    import psycopg

READ_SECONDS_MAX = 10
READ_SQL = (
    "SELECT obj_description(history, 'pg_class'), history IS NOT NULL FROM to_regclass('alembic_version') history"
)


@dataclass(frozen=True, slots=True)
class PreparedNote:
    """What was prepared, for which role."""

    history: str
    app_role: str
    set_up: bool

    def text(self) -> str:
        """Return the note as it is kept."""
        return json.dumps(asdict(self))


def current_note(*, app_role: str, set_up: bool) -> PreparedNote:
    """Return the note this release leaves."""
    return PreparedNote(history=history_digest(), app_role=app_role, set_up=set_up)


def leave_note(connection: "psycopg.Connection", note: PreparedNote) -> None:
    """Keep the note in the database; takes the owner's connection."""
    from psycopg import sql

    connection.execute(sql.SQL("COMMENT ON TABLE alembic_version IS {}").format(sql.Literal(note.text())))


def what_is_missing(connection: "psycopg.Connection", *, app_role: str) -> str | None:
    """Return what keeps this release from working in the database as this role, to go on from its name; None if nothing."""
    note, has_tables = _note_in(connection)
    if not has_tables:
        return "holds no tables of Lyceum yet"
    if note is None or note.history != history_digest():
        return "was last migrated by another release of Lyceum"
    if note.app_role != app_role:
        return f"was migrated for the role {note.app_role} and not for {app_role}"
    return None


async def read_note(postgres: EmbeddedPostgres) -> PreparedNote | None:
    """Return the note of the running database when it is from this release; None when anything is left to prepare."""
    note = await asyncio.to_thread(_read, postgres)
    return note if note is not None and note.history == history_digest() and note.app_role == APP_ROLE else None


def _note_in(connection: "psycopg.Connection") -> tuple[PreparedNote | None, bool]:
    """Return the note, None when there is none that can be read, and whether there are tables to have one."""
    row = connection.execute(READ_SQL).fetchone()
    text, has_tables = row or (None, False)
    try:
        return PreparedNote(**json.loads(text)), has_tables
    except (ValueError, TypeError):
        return None, has_tables


def _read(postgres: EmbeddedPostgres) -> PreparedNote | None:
    # the driver alone: with SQLAlchemy the import would take longer than the rest of a start
    import psycopg

    try:
        with psycopg.connect(
            host=str(postgres.home.sockets),
            user=OWNER_ROLE,
            password=postgres.credentials.owner_password,
            dbname=DATABASE,
            connect_timeout=READ_SECONDS_MAX,
        ) as connection:
            return _note_in(connection)[0]
    except psycopg.Error:
        return None
