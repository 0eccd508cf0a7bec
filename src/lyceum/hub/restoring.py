"""`lyceum backup restore`: a hub made from a backup beside what is there, which it then replaces."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lyceum.backup.destination import Destination
from lyceum.backup.files import write_private
from lyceum.backup.keys import BackupKeys
from lyceum.backup.manifest import Manifest
from lyceum.backup.restore import (
    is_filled,
    readable_backup,
    remove_files,
    restore_database,
    restore_files,
    settle_files,
)
from lyceum.hub.at_rest import running_postgres
from lyceum.hub.backups import SECRET_KEY, SEEN_FILE, SETTINGS_FILE
from lyceum.hub.credentials import Credentials, load_credentials, save_credentials, secret_key_of
from lyceum.hub.errors import HubRefused
from lyceum.hub.folders import HubFolders, prepare_folders
from lyceum.hub.lock import hub_lock
from lyceum.hub.managed import managed_database, prepare_managed
from lyceum.hub.postgres import APP_ROLE
from lyceum.hub.switching import arriving_folder, data_in, refuse_mounts, settle, take_place
from lyceum.kernel.config import Settings
from lyceum.kernel.storage import open_storage


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back; `replaced` is where what lay there is kept, `settings_file` the backed-up hub's settings."""

    manifest: Manifest
    seconds: float
    replaced: Path | None
    settings_file: Path | None
    keeps_secret_key: bool


def restore_hub(
    settings: Settings, destination: Destination, wanted: str | None, keys: BackupKeys, *, replace: bool
) -> Restored:
    """Make the hub that the settings describe from a backup, the newest for None; nothing of it stays when it fails.

    Raises `HubRefused` where a hub runs or data lies that may not be replaced, and what reading a backup raises.
    """
    started = time.monotonic()
    manifest = readable_backup(destination, wanted, keys)
    folders = prepare_folders(settings.home)
    with hub_lock(folders):
        settle(settings.home)
        _refuse_occupied(settings, replace=replace)
        arriving = arriving_folder(settings.home)
        try:
            keeps_secret_key = _make(settings, manifest, destination, keys, arriving)
            replaced = take_place(settings.home)
        except BaseException:
            settle(settings.home)
            raise
        (settings.home / SEEN_FILE).unlink(missing_ok=True)
    settings_file = settings.home / f"{SETTINGS_FILE}.from-backup"
    return Restored(
        manifest=manifest,
        seconds=time.monotonic() - started,
        replaced=replaced,
        settings_file=settings_file if SETTINGS_FILE in manifest.private else None,
        keeps_secret_key=keeps_secret_key,
    )


def _refuse_occupied(settings: Settings, *, replace: bool) -> None:
    refuse_mounts(settings.home)
    held = data_in(settings.home)
    if held and not replace:
        raise HubRefused(
            f"{settings.home} holds a hub's data already ({', '.join(path.name for path in held)}): set LYCEUM_HOME to an empty folder, "
            f"or give --replace, which keeps that data beside the new."
        )
    if settings.database_url is not None:
        database = managed_database(settings)
        prepare_managed(database)
        if is_filled(database.owner_url):
            raise HubRefused(
                "The database of LYCEUM_DATABASE_OWNER_URL holds tables already, and is never replaced: name an empty one."
            )


def _make(settings: Settings, manifest: Manifest, destination: Destination, keys: BackupKeys, arriving: Path) -> bool:
    """Make the data in the folder `arriving`, or where the settings name other places; say if the signing key is kept."""
    folders = prepare_folders(arriving)
    secret_key = manifest.private.get(SECRET_KEY) or _secret_key_here(settings)
    credentials = Credentials.made(secret_key=secret_key)
    save_credentials(folders.secrets, credentials)
    if SETTINGS_FILE in manifest.private:
        write_private(arriving / f"{SETTINGS_FILE}.from-backup", manifest.private[SETTINGS_FILE].encode())
    # a place the settings name is filled where it is, the hub's own folder beside the old one
    storage = open_storage(settings if settings.storage_url else settings.model_copy(update={"home": arriving}))
    restore_files(manifest, destination, keys, storage)
    try:
        with _database(settings, folders, credentials) as (owner_url, app_role):
            restore_database(
                manifest,
                destination,
                keys,
                owner_url=owner_url,
                app_role=app_role,
                before_commit=lambda: settle_files(storage),
            )
    except BaseException:
        remove_files(storage)
        raise
    return secret_key is not None and secret_key == secret_key_of(settings, credentials)


@contextmanager
def _database(settings: Settings, folders: HubFolders, credentials: Credentials) -> Iterator[tuple[str, str]]:
    """Yield the owner's address of the empty database to fill, and the app's role."""
    if settings.database_url is not None:
        database = managed_database(settings)
        yield database.owner_url, database.app
        return
    with running_postgres(folders, credentials, logs=settings.home / "logs") as postgres:
        yield postgres.owner_url(), APP_ROLE


def _secret_key_here(settings: Settings) -> str | None:
    """Return the signing key of the hub that is replaced; backups without keys of their own do not hold it."""
    file = settings.home / "secrets.json"
    return load_credentials(file)[0].secret_key if file.exists() else None
