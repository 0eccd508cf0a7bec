"""Fetch a Debian or Ubuntu program into `.cache/` without root and without touching the system.

    python scripts/debian_tools.py pgbouncer

prints where the program is. Uses apt's own configuration (mirrors, proxies, signatures) with private lists and cache.
Standard library only.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "debian"
PROGRAMS = {
    "pgbouncer": "usr/sbin/pgbouncer",
    "bubblewrap": "usr/bin/bwrap",
    "wrk": "usr/bin/wrk",
    "libfaketime": f"usr/lib/{platform.machine()}-linux-gnu/faketime/libfaketime.so.1",
}
APT_SECONDS_MAX = 300


class ToolUnavailable(RuntimeError):
    """The program is not installed and cannot be fetched; the text says what to do."""


def find_tool(package: str) -> tuple[Path, dict[str, str]]:
    """Return the package's program and the variables it needs, fetching it when it is not on this machine.

    Raises `ToolUnavailable` with one sentence.
    """
    inside = PROGRAMS[package]
    installed = Path("/") / inside
    if installed.exists():
        return installed, {}
    root = CACHE / package
    if not (root / inside).exists():
        _fetch(package, root)
    folders = sorted({str(library.parent) for library in root.glob("**/lib*.so*")})
    return root / inside, {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def _fetch(package: str, root: Path) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise ToolUnavailable(f"{package} is not installed and this is no Debian or Ubuntu: install it and run again.")
    partial = root.with_name(f"{root.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    downloads = partial / "downloads"
    (downloads / "lists" / "partial").mkdir(parents=True)
    (downloads / "archives" / "partial").mkdir(parents=True)
    try:
        _download(package, downloads)
        for archive in downloads.glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, partial], check=True, capture_output=True)
        shutil.rmtree(downloads)
        partial.rename(root)
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", None) or str(error)
        shutil.rmtree(partial, ignore_errors=True)
        if (root / PROGRAMS[package]).exists():
            return
        last = said.strip().splitlines()[-1] if said.strip() else type(error).__name__
        raise ToolUnavailable(
            f"{package} could not be fetched with apt-get ({last}): run `apt-get install {package}` as root."
        ) from None


def _download(package: str, downloads: Path) -> None:
    """Download the package and the libraries it needs that are not installed here, with fresh lists if need be."""
    private = ("-o", f"Dir::State::Lists={downloads / 'lists'}")
    try:
        _download_planned(package, downloads, options=())
    except subprocess.CalledProcessError:
        _apt(downloads, *private, "update")
        _download_planned(package, downloads, options=private)


def _download_planned(package: str, downloads: Path, *, options: tuple[str, ...]) -> None:
    plan = _apt(downloads, *options, "install", "--simulate", "--no-install-recommends", package)
    planned = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    _apt(downloads, *options, "download", *(name for name in planned if name == package or name.startswith("lib")))


def _apt(downloads: Path, *arguments: str) -> str:
    # apt's own account could not write here
    options = (
        "-o",
        f"Dir::Cache={downloads}",
        "-o",
        "Debug::NoLocking=1",
        "-o",
        "APT::Sandbox::User=",
        "-o",
        "APT::Update::Error-Mode=any",
    )
    done = subprocess.run(
        ["apt-get", "-q", *options, *arguments],
        cwd=downloads,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=APT_SECONDS_MAX,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    try:
        for name in sys.argv[1:]:
            print(find_tool(name)[0])
    except (ToolUnavailable, KeyError) as error:
        sys.exit(str(error) if isinstance(error, ToolUnavailable) else f"Known tools: {', '.join(sorted(PROGRAMS))}.")
