"""`lyceum upgrade`: a backup, then the data brought to this release, PostgreSQL's major version included."""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.exc import DBAPIError

from lyceum.backup.keys import BackupKeys
from lyceum.backup.snapshot import snapshot_of
from lyceum.backup.transfer import transfer_database
from lyceum.hub.at_rest import HubData, embedded_data, hub_at_rest, running_postgres
from lyceum.hub.backups import make_backup, open_backups
from lyceum.hub.credentials import load_credentials
from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.folders import folders_of, prepare_folders
from lyceum.hub.lock import hub_lock
from lyceum.hub.postgres import APP_ROLE
from lyceum.hub.programs import POSTGRES_MAJOR
from lyceum.hub.server_home import other_postgres_data, postgres_folder_name
from lyceum.hub.switching import arriving_folder, settle, take_place
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from lyceum.kernel.problems import Problem, first_line


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was done; `backup_id` is None when there was nothing to do, `replaced` is where older data is kept."""

    from_revision: str
    to_revision: str
    backup_id: str | None
    from_postgres: int | None = None
    replaced: Path | None = None


def upgrade_hub(settings: Settings, keys: BackupKeys, *, to: str | None = None) -> Upgraded:
    """Bring the data of a hub that does not run to this release, after a backup, which goes `to` the place given.

    When a step fails the data is as before. Raises `HubRefused` when the hub runs or a later release wrote its data,
    `HubFailed` with what went wrong, and what making a backup raises.
    """
    older = _older_postgres(settings)
    if older is not None:
        return _upgrade_postgres(settings, keys, older, to=to)
    with hub_at_rest(settings) as data:
        revision = _usable_revision(data)
        if revision == migrate.head_revision():
            _migrate(data, backup_id=None)
            return Upgraded(revision, revision, None)
        backup_id = make_backup(data, open_backups(settings, to), keys).manifest.id
        _migrate(data, backup_id=backup_id)
        return Upgraded(revision, migrate.head_revision(), backup_id)


def _older_postgres(settings: Settings) -> int | None:
    servers = settings.home / "servers"
    if settings.database_url is not None or (servers / postgres_folder_name()).is_dir():
        return None
    others = other_postgres_data(servers)
    if others and others[0] > POSTGRES_MAJOR:
        raise HubRefused(
            f"The data in {servers} is of PostgreSQL {others[0]}, which is newer than the {POSTGRES_MAJOR} that this "
            f"release brings: install the release that wrote it."
        )
    return others[0] if others else None


def _upgrade_postgres(settings: Settings, keys: BackupKeys, major: int, *, to: str | None) -> Upgraded:
    """Copy the tables from a server of the version that wrote them into one of ours, which then takes its place."""
    folders = prepare_folders(settings.home)
    with hub_lock(folders):
        settle(settings.home)
        with embedded_data(settings, folders, major=major) as old:
            revision = _usable_revision(old)
            backup_id = make_backup(old, open_backups(settings, to), keys).manifest.id
            credentials, _ = load_credentials(folders.secrets)
            arriving = arriving_folder(settings.home)
            try:
                prepare_folders(arriving)
                with (
                    running_postgres(folders_of(arriving), credentials, logs=folders.logs) as new,
                    snapshot_of(old.owner_url) as snapshot,
                ):
                    transfer_database(snapshot, new.owner_url(), app_role=APP_ROLE)
            except BaseException:
                settle(settings.home)
                raise
        replaced = take_place(settings.home)
    return Upgraded(revision, migrate.head_revision(), backup_id, major, replaced)


def _usable_revision(data: HubData) -> str:
    try:
        revision = migrate.revision_of(data.owner_url)
        migrate.refuse_newer(revision)
    except Problem as error:
        raise HubRefused(str(error)) from None
    if revision is None:
        raise HubRefused("The database holds no tables of Lyceum yet: `lyceum up` makes them.")
    return revision


def _migrate(data: HubData, *, backup_id: str | None) -> None:
    try:
        migrate.upgrade(data.owner_url, app_role=data.app_role)
    except (psycopg.Error, DBAPIError, Problem) as error:
        kept = f", and the backup {backup_id} was made before" if backup_id else ""
        reason = first_line(getattr(error, "orig", None) or error)
        raise HubFailed(f"The upgrade failed, and the data is as it was{kept}: {reason}") from error
