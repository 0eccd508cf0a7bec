"""A hub's data that was made beside it takes its place: all of it, even when the program ends halfway.

<home>/arriving/             data being made: a home of its own
<home>/arriving/complete     written once it is whole; from then on it takes its place, at the next start at the latest
<home>/replaced-<time>/      what it took the place of
"""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from lyceum.hub.errors import HubRefused

ARRIVING, COMPLETE = "arriving", "complete"
MOVED = ("servers", "files", "secrets.json", "lyceum.toml.from-backup")
"""What of a home is data; what else lies there stays."""
STOPPING_SECONDS_MAX = 30.0
STOPPING_LOOK_SECONDS = 0.1


def arriving_folder(home: Path) -> Path:
    """Return an empty place for data on its way into `home`; what an interrupted command left there is removed.

    The caller holds the hub's lock, and has called `settle` before.
    """
    folder = home / ARRIVING
    _remove(folder)
    return folder


def data_in(home: Path) -> list[Path]:
    """Return the folders in `home` that hold a hub's data: of the embedded PostgreSQL, whatever its version, and files."""
    held = [path for path in sorted((home / "servers").glob("postgres-*")) if path.is_dir()]
    return [*held, *(path for path in (home / "files",) if _holds_something(path))]


def refuse_mounts(home: Path) -> None:
    """Raise `HubRefused` when a part of a home is a mount of its own, which nothing can take the place of."""
    for name in MOVED:
        if os.path.ismount(home / name):
            raise HubRefused(
                f"{home / name} is a mount of its own, so nothing can take its place: mount the whole of {home}, "
                f"or name that folder in LYCEUM_STORAGE_URL."
            )


def take_place(home: Path) -> Path | None:
    """Move the data that has arrived into its place; return the folder of what lay there, None when nothing did."""
    marker = home / ARRIVING / COMPLETE
    replaced = home / f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    os.sync()
    marker.write_text(replaced.name, encoding="utf-8")
    os.sync()
    settle(home)
    return replaced if replaced.is_dir() else None


def settle(home: Path) -> None:
    """Finish what an interrupted command began with the data in `home`, or take it back; mostly there is nothing.

    The caller holds the hub's lock. Raises `HubRefused` when a part cannot be moved.
    """
    arriving = home / ARRIVING
    if not arriving.is_dir():
        return
    try:
        replaced = home / (arriving / COMPLETE).read_text(encoding="utf-8")
    except FileNotFoundError:
        _remove(arriving)
        return
    except OSError as error:
        raise HubRefused(
            f"{arriving / COMPLETE} cannot be read ({error.strerror}): start as the owner of it."
        ) from None
    try:
        for name in MOVED:
            _move(arriving / name, home / name, replaced / name)
    except OSError as error:
        raise HubRefused(
            f"The data in {arriving} cannot take its place in {home} ({error.strerror}): mend that and start again."
        ) from None
    _remove(arriving)


def _remove(folder: Path) -> None:
    """Remove a folder in which a server whose starter was killed may still be stopping, and write."""
    deadline = time.monotonic() + STOPPING_SECONDS_MAX
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if time.monotonic() > deadline:
                raise HubRefused(f"{folder} cannot be removed ({error.strerror}): remove it and start again.") from None
            time.sleep(STOPPING_LOOK_SECONDS)


def _move(new: Path, place: Path, replaced: Path) -> None:
    if not new.exists():
        return
    if _holds_something(place):
        replaced.parent.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
        place.rename(replaced)
    elif place.is_dir():
        shutil.rmtree(place)
    new.rename(place)


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()
