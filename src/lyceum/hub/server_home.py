"""What the embedded servers need of the machine: an account, folders it can enter, programs it can execute."""

import os
from dataclasses import dataclass
from pathlib import Path

from lyceum.hub.account import choose_account, may_run
from lyceum.hub.errors import HubRefused
from lyceum.hub.folders import HubFolders
from lyceum.hub.processes import ServerAccount
from lyceum.hub.programs import POSTGRES_MAJOR, ServerPrograms, reachable_programs


@dataclass(frozen=True, slots=True)
class ServerHome:
    """The account, programs and folders of the embedded servers.

    `folder` is the servers' folder as we see it and `seen_folder` as they do: the same, or a bind mount inside a mount
    namespace of theirs when the hub's home lies below a folder their account cannot enter.
    """

    account: ServerAccount
    programs: ServerPrograms
    folder: Path
    seen_folder: Path
    sockets: Path
    binds: tuple[tuple[Path, Path], ...] = ()
    postgres_major: int = POSTGRES_MAJOR

    @property
    def postgres_data(self) -> Path:
        return self.folder / postgres_folder_name(self.postgres_major)


def postgres_folder_name(major: int = POSTGRES_MAJOR) -> str:
    return f"postgres-{major}"


def other_postgres_data(servers: Path) -> list[int]:
    """Return the other major versions of PostgreSQL that there is data of, newest first."""
    majors = (path.parent.name.removeprefix("postgres-") for path in servers.glob("postgres-*/PG_VERSION"))
    return sorted((int(major) for major in majors if major.isdigit() and int(major) != POSTGRES_MAJOR), reverse=True)


def prepare_server_home(folders: HubFolders, *, major: int = POSTGRES_MAJOR) -> ServerHome:
    """Choose the account and make folders and programs reachable for it; `major` is the version of PostgreSQL.

    Raises `HubRefused` with the fix when the account cannot get at the data.
    """
    account = choose_account(folders.servers / postgres_folder_name(major))
    make_owned(folders.sockets, account)
    binds: tuple[tuple[Path, Path], ...] = ()
    seen = folders.servers
    if account.drop and not may_run(account, 'test -x "$1"', folders.servers):
        seen = folders.run / "servers"
        seen.mkdir(mode=0o711, exist_ok=True)
        binds = ((folders.servers, seen),)
        _refuse_unreachable(account, folders, seen, binds)
    programs = reachable_programs(account, copies=folders.servers, seen_as=seen, run_in=binds, major=major)
    return ServerHome(
        account=account,
        programs=programs,
        folder=folders.servers,
        seen_folder=seen,
        sockets=folders.sockets,
        binds=binds,
        postgres_major=major,
    )


def make_owned(folder: Path, account: ServerAccount) -> None:
    """Make a folder that only this account may enter."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account.drop:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def _refuse_unreachable(
    account: ServerAccount, folders: HubFolders, seen: Path, binds: tuple[tuple[Path, Path], ...]
) -> None:
    if may_run(account, 'test -x "$1"', seen, binds=binds):
        return
    raise HubRefused(
        f"PostgreSQL does not run as root, and the account {account.name} it runs as instead cannot enter "
        f"{folders.home}: set LYCEUM_HOME=/var/lib/lyceum, or start the hub as an ordinary user."
    )
