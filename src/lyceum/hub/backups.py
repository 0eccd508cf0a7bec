"""Backups of the hub its settings name: where they go, for whom they are encrypted, and a note of the last one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.kernel.backup_note import NOTE_FILE, LastBackup
from lyceum.kernel.config import CONFIG_FILE, Settings

if TYPE_CHECKING:
    from lyceum.backup.create import Made
    from lyceum.backup.destination import Destination
    from lyceum.backup.keys import BackupKeys
    from lyceum.hub.at_rest import HubData

SEEN_FILE = "backup-seen.json"
SECRET_KEY, SETTINGS_FILE = "secret_key", CONFIG_FILE
SECONDS_A_DAY = 86_400


def backups_place(settings: Settings, to: str | None = None) -> str:
    """Return where backups go: `to` when it is given, else what the settings say."""
    return to or settings.backup_to or str(settings.home / "backups")


def open_backups(settings: Settings, to: str | None = None) -> "Destination":
    """Return the place of the hub's backups, or the one given; raises `BackupRefused`."""
    from lyceum.backup.destination import open_destination

    options = settings.backup_options or settings.storage_options
    return open_destination(
        backups_place(settings, to), {name: value.get_secret_value() for name, value in options.items()}
    )


def backup_keys(settings: Settings, key_file: Path | None = None) -> "BackupKeys":
    """Return the keys in the file given, else in the one the settings name; raises `BackupRefused`."""
    from lyceum.backup.keys import load_keys

    return load_keys(key_file or settings.backup_key_file)


def make_backup(data: "HubData", destination: "Destination", keys: "BackupKeys") -> "Made":
    """Make a backup of a hub and note it in its home; raises what `create_backup` raises."""
    from lyceum.backup.create import Source, create_backup
    from lyceum.backup.files import write_private
    from lyceum.kernel.storage import open_storage
    from lyceum.version import VERSION

    settings = data.settings
    source = Source(
        owner_url=data.owner_url,
        storage=open_storage(settings),
        secret_key=data.secret_key,
        product_version=VERSION,
        seen_file=settings.home / SEEN_FILE,
        private={SECRET_KEY: data.secret_key} | _settings_file(settings.home),
    )
    made = create_backup(source, destination, keys)
    note = LastBackup(made.manifest.id, made.manifest.made_at, destination.name, made.encrypted)
    write_private(settings.home / NOTE_FILE, json.dumps(asdict(note)).encode())
    return made


def age_text(seconds: float) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    for size, unit in ((SECONDS_A_DAY, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


@contextmanager
def as_hub_errors() -> Iterator[None]:
    """Raise what a backup raises as the command line tells it: refused, or failed."""
    import psycopg
    from obstore.exceptions import BaseError

    from lyceum.backup.errors import BackupDamaged, BackupFailed, BackupRefused
    from lyceum.kernel.problems import first_line, is_full

    try:
        yield
    except BackupRefused as error:
        raise HubRefused(str(error)) from None
    except (BackupDamaged, BackupFailed) as error:
        raise HubFailed(str(error)) from None
    except (OSError, BaseError, psycopg.Error) as error:
        if is_full(error):
            raise HubFailed("The disk is full: free some space, or name another place, and try again.") from error
        raise HubFailed(f"It was not done: {first_line(error)}") from error


def _settings_file(home: Path) -> dict[str, str]:
    try:
        return {SETTINGS_FILE: (home / CONFIG_FILE).read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError):
        return {}
