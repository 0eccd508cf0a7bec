"""Where a hub keeps its data, and the short folder for its sockets."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lyceum.hub.account import account_name
from lyceum.hub.errors import HubRefused

SOCKET_BYTES_MAX = 107
LONGEST_SOCKET_NAME = "sockets/.s.PGSQL.5432.lock"


@dataclass(frozen=True, slots=True)
class HubFolders:
    """The folders of one hub; `run` is short, because the address of a socket has at most 107 bytes."""

    home: Path
    run: Path

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def servers(self) -> Path:
        """Data and copied programs of the embedded servers."""
        return self.home / "servers"

    @property
    def sockets(self) -> Path:
        """Sockets of the embedded servers; belongs to the account they run as."""
        return self.run / "sockets"

    @property
    def control_socket(self) -> Path:
        return self.run / "hub.sock"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets.json"


def folders_of(home: Path, *, run_parent: Path | None = None) -> HubFolders:
    """Return where the folders of the hub in `home` are, made or not; raises `HubRefused` where sockets cannot be."""
    return HubFolders(home=home, run=_run_folder(home, run_parent or _run_parent()))


def prepare_folders(home: Path, *, run_parent: Path | None = None) -> HubFolders:
    """Make the folders of the hub in `home` that stay when it stops, and return where all of them are.

    Raises `HubRefused` when a folder cannot be made or belongs to somebody else.
    """
    folders = folders_of(home, run_parent=run_parent)
    _make_home(home)
    _make(folders.logs, 0o700)
    _make(folders.servers, 0o711)
    return folders


def prepare_run_folder(folders: HubFolders) -> None:
    """Make the folder for sockets, which goes when the hub stops: the caller holds the hub's lock.

    Raises `HubRefused` when it cannot be made or somebody else made it.
    """
    _make_private(folders.run)


def refuse_foreign(path: Path) -> None:
    """Raise `HubRefused` when there is such a file or folder and this account may not write it."""
    if not path.exists() or os.access(path, os.W_OK | (os.X_OK if path.is_dir() else 0)):
        return
    uid = path.stat().st_uid
    raise HubRefused(
        f"{path} belongs to {account_name(uid) or f'uid {uid}'}, and this account may not write it: "
        f"start the hub as its owner, or give it to this account with `chown`."
    )


def _run_parent() -> Path:
    # Not $XDG_RUNTIME_DIR: it goes away when the person logs out, while a hub in tmux or nohup keeps running,
    # and cron, sudo and a terminal see different values of it.
    run = Path("/run")
    return run if os.geteuid() == 0 and os.access(run, os.W_OK) else Path("/tmp")  # noqa: S108 ownership is checked


def _run_folder(home: Path, parent: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    folder = parent / f"lyceum-{os.geteuid()}-{digest}"
    if len(os.fsencode(folder / LONGEST_SOCKET_NAME)) > SOCKET_BYTES_MAX:
        raise HubRefused(f"{parent} is too long for sockets (at most {SOCKET_BYTES_MAX} bytes): choose a shorter one.")
    return folder


def _make_home(home: Path) -> None:
    if home.is_dir():
        if not os.access(home, os.W_OK | os.X_OK):
            raise HubRefused(f"{home} cannot be written by this account: set LYCEUM_HOME to a folder of yours.")
        return
    # as root the embedded servers run as another account, which has to pass through
    _make(home, 0o711 if os.geteuid() == 0 else 0o700)


def _make(folder: Path, mode: int) -> None:
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            # whatever the umask of this process is
            folder.chmod(mode)
    except OSError as error:
        raise HubRefused(f"{folder} cannot be made ({error.strerror}): set LYCEUM_HOME to a folder of yours.") from None
    refuse_foreign(folder)


def _make_private(folder: Path) -> None:
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        _refuse_unsafe(folder)
    except OSError as error:
        raise HubRefused(f"{folder} cannot be made for the hub's sockets ({error.strerror}).") from None
    folder.chmod(mode)


def _refuse_unsafe(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise HubRefused(
            f"{folder} was made by somebody else (uid {found.st_uid}), so the hub's sockets would not be safe there: "
            f"remove it, or move the hub's data to another LYCEUM_HOME."
        )
