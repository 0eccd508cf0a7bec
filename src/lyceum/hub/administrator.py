"""The program behind an errand: migrates, makes set-up and reset links and the local administrator's key.

    python -m lyceum.hub.administrator prepare|check|first-link|link|key|reset-link EMAIL|reset-factors EMAIL|backup

It writes one JSON object a line.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lyceum.kernel.config import ENV_PREFIX

if TYPE_CHECKING:
    import psycopg

SETUP_LINK_MINUTES = 30
CONNECT_SECONDS_MAX = 10
AWAY_SECONDS_MAX = 60.0
AWAY_PAUSE_SECONDS = 0.5
APP_VARIABLE = f"{ENV_PREFIX}DATABASE_URL"
OWNER_VARIABLE = f"{ENV_PREFIX}DATABASE_OWNER_URL"
APP_ROLE_VARIABLE = f"{ENV_PREFIX}APP_ROLE"


def main() -> int:
    """Run the errand named on the command line and return the exit code."""
    import psycopg
    from sqlalchemy.exc import DBAPIError

    from lyceum.hub.errors import HubFailed, HubRefused
    from lyceum.kernel.problems import Problem, first_line

    try:
        ERRANDS[sys.argv[1]]()
    except (HubRefused, HubFailed) as error:
        _report(error=str(error))
        return 1
    except (Problem, psycopg.Error, DBAPIError) as error:
        _report(error=f"The database refused: {first_line(getattr(error, 'orig', None) or error)}")
        return 1
    return 0


def prepare() -> None:
    """Bring the database to this release, then make a set-up link when nobody is the administrator yet.

    A database that cannot be reached is waited for, which is told.
    """
    from lyceum.kernel import migrate

    _connect(os.environ[OWNER_VARIABLE]).close()
    started = time.monotonic()
    migrate.upgrade(os.environ[OWNER_VARIABLE], app_role=os.environ[APP_ROLE_VARIABLE])
    _report(migrated_seconds=round(time.monotonic() - started, 3))
    first_link()


def check() -> None:
    """Tell what keeps this release from working in the database as the app's role; None when nothing does.

    A database that cannot be reached is waited for, which is told; so is that it stayed away.
    """
    import psycopg

    from lyceum.hub.managed import is_turned_away
    from lyceum.hub.prepared import what_is_missing
    from lyceum.kernel.problems import first_line

    try:
        with _connect(os.environ[APP_VARIABLE]) as connection:
            missing = what_is_missing(connection, app_role=os.environ[APP_ROLE_VARIABLE])
    except psycopg.OperationalError as error:
        if is_turned_away(error):
            raise
        _report(missing=None, stayed_away=first_line(error))
        return
    _report(missing=missing)


def first_link() -> None:
    """Make a set-up link when nobody is the administrator yet, and note in the database how far it is prepared."""
    import psycopg

    from lyceum.hub.prepared import current_note, leave_note
    from lyceum.kernel.migrate import libpq_url

    token = asyncio.run(_setup_token(only_first=True))
    with psycopg.connect(libpq_url(os.environ[OWNER_VARIABLE]), autocommit=True) as connection:
        leave_note(connection, current_note(app_role=os.environ[APP_ROLE_VARIABLE], set_up=token is None))
    _report(setup_token=token)


def link() -> None:
    """Make another set-up link."""
    _report(setup_token=asyncio.run(_setup_token(only_first=False)))


def key() -> None:
    """Make a key for the person at this machine, who is then the administrator if nobody was."""
    _report(**asyncio.run(_local_key()))


def reset_link() -> None:
    """Make a link that sets the password of whoever has the address on the command line."""
    _report(**asyncio.run(_reset_link(sys.argv[2])))


def reset_factors() -> None:
    """Remove the second factors of whoever has the address on the command line."""
    _report(removed=asyncio.run(_reset_factors(sys.argv[2])))


def backup() -> None:
    """Make the backup that is due, then remove those that are not to be kept."""
    from lyceum.backup.prune import Keep, prune_backups
    from lyceum.hub.at_rest import HubData
    from lyceum.hub.backups import as_hub_errors, backup_keys, make_backup, open_backups
    from lyceum.hub.credentials import secret_key_of
    from lyceum.kernel.config import settings as settings_here

    settings = settings_here()
    data = HubData(
        settings=settings,
        owner_url=os.environ[OWNER_VARIABLE],
        app_role=os.environ[APP_ROLE_VARIABLE],
        secret_key=secret_key_of(settings),
        running=True,
    )
    with as_hub_errors():
        destination = open_backups(settings)
        made = make_backup(data, destination, backup_keys(settings))
        keep = Keep(
            daily=settings.backup_keep_daily, weekly=settings.backup_keep_weekly, monthly=settings.backup_keep_monthly
        )
        if keep != Keep():
            prune_backups(destination, keep)
    _report(backup=made.manifest.id)


async def _setup_token(*, only_first: bool) -> str | None:
    from lyceum.accounts.public import administrator_is_set_up, create_setup_link
    from lyceum.kernel.db import NOBODY, open_database
    from lyceum.kernel.tx import transaction

    database = open_database(os.environ[OWNER_VARIABLE], pool_size=1)
    try:
        async with transaction(database, NOBODY) as owner_tx:
            if only_first and await administrator_is_set_up(owner_tx):
                return None
            return await create_setup_link(owner_tx, lifetime_minutes=SETUP_LINK_MINUTES)
    finally:
        await database.close()


async def _local_key() -> dict[str, Any]:
    from lyceum.accounts.public import local_administrator_key
    from lyceum.kernel.config import settings
    from lyceum.kernel.resources import open_resources

    async with open_resources(settings(), pool_size=1) as resources:
        made = await local_administrator_key(resources.database)
    return {"key": made.secret, "expires_at": made.expires_at.isoformat() if made.expires_at else None}


async def _reset_link(email: str) -> dict[str, Any]:
    from lyceum.accounts.public import reset_link_for_email
    from lyceum.hub.errors import HubRefused
    from lyceum.kernel.config import settings
    from lyceum.kernel.problems import NotFound
    from lyceum.kernel.resources import open_resources

    async with open_resources(settings(), pool_size=1) as resources:
        try:
            made = await reset_link_for_email(resources, email)
        except NotFound as unknown:
            raise HubRefused(unknown.detail) from None
    return {"url": made.url, "expires_at": made.expires_at.isoformat()}


async def _reset_factors(email: str) -> int:
    from lyceum import wiring
    from lyceum.accounts.public import remove_factors_by_email
    from lyceum.hub.errors import HubRefused
    from lyceum.kernel.config import settings
    from lyceum.kernel.problems import NotFound
    from lyceum.kernel.resources import open_resources

    # whose factors they were is told by letter
    async with open_resources(settings(), pool_size=1, subscribers=wiring.subscribers()) as resources:
        try:
            return await remove_factors_by_email(resources, email)
        except NotFound as unknown:
            raise HubRefused(unknown.detail) from None


def _connect(url: str) -> "psycopg.Connection":
    """Return a connection, tried again for a while; raises `psycopg.OperationalError` after that, or when turned away."""
    import psycopg

    from lyceum.hub.managed import is_turned_away
    from lyceum.kernel.migrate import libpq_url
    from lyceum.kernel.problems import first_line

    deadline = time.monotonic() + AWAY_SECONDS_MAX
    told = False
    while True:
        try:
            return psycopg.connect(libpq_url(url), connect_timeout=CONNECT_SECONDS_MAX)
        except psycopg.OperationalError as error:
            if is_turned_away(error) or time.monotonic() > deadline:
                raise
            if not told:
                _report(away=first_line(error))
                told = True
        time.sleep(AWAY_PAUSE_SECONDS)


def _report(**facts: object) -> None:
    sys.stdout.write(f"{json.dumps(facts)}\n")
    sys.stdout.flush()


ERRANDS: dict[str, Callable[[], None]] = {
    "prepare": prepare,
    "check": check,
    "first-link": first_link,
    "link": link,
    "key": key,
    "reset-link": reset_link,
    "reset-factors": reset_factors,
    "backup": backup,
}


if __name__ == "__main__":
    sys.exit(main())
