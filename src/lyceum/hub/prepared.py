"""A note in the embedded database itself: which release's migrations it has, and whether it has an administrator.

With it a later start knows within milliseconds that there is nothing to prepare; without it everything is prepared
again, which changes nothing. It is the comment on the database, so it goes where the database goes.
"""

import asyncio
import json
import os
from dataclasses import asdict, dataclass

from lyceum.hub.postgres import APP_ROLE, DATABASE, OWNER_ROLE, EmbeddedPostgres
from lyceum.hub.programs import find_programs
from lyceum.kernel.history import history_digest

READ_SECONDS_MAX = 10
READ_SQL = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"


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


async def read_note(postgres: EmbeddedPostgres) -> PreparedNote | None:
    """Return the note of the running database when it is from this release; None when anything is left to prepare.

    `psql` asks: it starts in 10 ms, while importing a database library takes longer than the rest of a start.
    """
    process = await asyncio.create_subprocess_exec(
        str(find_programs().postgres_bin / "psql"),
        *("-XAtq", "-w", "-h", str(postgres.home.sockets), "-U", OWNER_ROLE, "-d", DATABASE, "-c", READ_SQL),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PGPASSWORD": postgres.credentials.owner_password, "PGCONNECT_TIMEOUT": "5"},
        cwd="/",
    )
    try:
        async with asyncio.timeout(READ_SECONDS_MAX):
            said, _ = await process.communicate()
        note = PreparedNote(**json.loads(said))
    except (ValueError, TypeError):
        return None
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return note if note == current_note(app_role=APP_ROLE, set_up=note.set_up) else None
