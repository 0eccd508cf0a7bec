"""`lyceum uninstall`: stops a hub and removes what hubs make, by name; whatever else lies in its home stays."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from lyceum.hub.backups import SEEN_FILE
from lyceum.hub.control import ask_hub
from lyceum.hub.errors import HubFailed, HubNotRunning, HubRefused
from lyceum.hub.folders import folders_of, prepare_folders
from lyceum.hub.lock import LOCK_FILE, hub_lock, lock_holder
from lyceum.hub.switching import ARRIVING, MOVED
from lyceum.kernel.backup_note import NOTE_FILE
from lyceum.kernel.config import CONFIG_FILE, Settings

STOP_SECONDS_MAX = 120
LETS_GO_SECONDS_MAX = 10.0
POLL_SECONDS = 0.1
MADE_ANEW = ("logs", "reading", ARRIVING, "servers/programs-*", LOCK_FILE)
"""What a hub makes again when it starts."""
DATA = (*MOVED, "replaced-*", CONFIG_FILE, NOTE_FILE, SEEN_FILE)


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """What was removed and what stays, with the places the hub used outside its home."""

    removed: tuple[Path, ...]
    stays: tuple[Path, ...]
    elsewhere: tuple[str, ...]


def refuse_no_hub(home: Path) -> None:
    """Raise `HubRefused` for a folder that is not a hub's home."""
    made_by_hub = (home / LOCK_FILE).is_file() and ((home / "secrets.json").is_file() or (home / "servers").is_dir())
    if not made_by_hub:
        raise HubRefused(
            f"{home} is not the home of a hub, so nothing is removed: set LYCEUM_HOME to the one you mean."
        )


def uninstall_hub(settings: Settings, *, keep_data: bool) -> Uninstalled:
    """Stop the hub of a home and remove what it made; with `keep_data` only what it would make again.

    Backups stay in any case, and so does what lies in places the settings name. Raises `HubRefused` for a folder that
    is not a hub's, `HubFailed` when the hub does not stop.
    """
    home = settings.home
    refuse_no_hub(home)
    run_folders = {folders_of(home).run}
    if holder := lock_holder(home):
        run_folders.add(holder.control_socket.parent)
    _stop(home)
    with hub_lock(prepare_folders(home), wait_seconds=LETS_GO_SECONDS_MAX):
        removed = [path for path in run_folders if _remove(path)]
        for pattern in (*MADE_ANEW, *(() if keep_data else DATA)):
            removed += [path for path in sorted(home.glob(pattern)) if path.name != LOCK_FILE and _remove(path)]
    # last, and empty by then: whoever starts a hub just now finds no lock and makes everything anew
    _remove(home / LOCK_FILE)
    stays = tuple(sorted(home.iterdir()))
    if not stays:
        home.rmdir()
        removed.append(home)
    return Uninstalled(tuple(removed), stays, _elsewhere(settings))


def _stop(home: Path) -> None:
    try:
        ask_hub(home, "stop")
    except HubNotRunning:
        return
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while lock_holder(home) is not None:
        if time.monotonic() > deadline:
            raise HubFailed(f"The hub on {home} does not stop within {STOP_SECONDS_MAX} s; nothing was removed.")
        time.sleep(POLL_SECONDS)


def _remove(path: Path) -> bool:
    if path.is_symlink():
        # what it leads to was put there by somebody, and stays
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
    else:
        return False
    return True


def _elsewhere(settings: Settings) -> tuple[str, ...]:
    named = {
        "the database of LYCEUM_DATABASE_URL": settings.database_url,
        "the files of LYCEUM_STORAGE_URL": settings.storage_url,
        "the backups of LYCEUM_BACKUP_TO": settings.backup_to,
    }
    return tuple(what for what, value in named.items() if value is not None)
