"""Pack Lyceum and every wheel it needs into `dist/`, for an install with no network.

    .venv/bin/python scripts/bundle.py

The archive is for the Python version and platform it was made with. It holds `wheels/`, `requirements.txt` with the
hash of each wheel, `install.sh` and `LICENCES.txt`. What may not be handed on is left out of the wheels.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import licences

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"

INSTALL = """\
#!/bin/sh
# Installs Lyceum from the wheels beside this file; reaches no network. `sh install.sh [FOLDER]`
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-"$here/lyceum"}
for python in ${PYTHON:+"$PYTHON"} python@PYTHON@ python3; do
    "$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "@PYTHON@")' 2>/dev/null || continue
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$python has no venv: run \\`apt-get install python@PYTHON@-venv\\` as root." >&2
        exit 1
    fi
    "$python" -m venv "$target"
    "$target/bin/python" -m pip --isolated --disable-pip-version-check install --quiet --no-input --no-deps \\
        --no-index --find-links "$here/wheels" --require-hashes -r "$here/requirements.txt"
    echo "Lyceum is installed. Start it with: $target/bin/lyceum up"
    exit 0
done
echo "This bundle needs Python @PYTHON@ on PATH, or PYTHON=/path/to/it." >&2
exit 1
"""


class BundleFailed(RuntimeError):
    """The bundle could not be made; the text says why."""


def make_bundle() -> Path:
    """Return the archive, made anew; raises `BundleFailed`."""
    packages = licences.installed_packages()
    refused = licences.faults(packages)
    if refused:
        raise BundleFailed("\n".join(refused))
    name = f"lyceum-{version('lyceum-hub')}-py{_python()}-{sysconfig.get_platform()}"
    DIST.mkdir(exist_ok=True)
    archive = DIST / f"{name}.tar"
    with tempfile.TemporaryDirectory(dir=DIST) as scratch:
        folder = Path(scratch) / name
        wheels = folder / "wheels"
        wheels.mkdir(parents=True)
        _collect(wheels)
        for wheel in wheels.iterdir():
            leave_out(wheel)
        (folder / "requirements.txt").write_text(_requirements(wheels), encoding="utf-8")
        (folder / "install.sh").write_text(INSTALL.replace("@PYTHON@", _python()), encoding="utf-8")
        (folder / "LICENCES.txt").write_text(f"{licences.listing(packages)}\n", encoding="utf-8")
        shutil.copy(ROOT / "LICENSE", folder)
        partial = archive.with_suffix(".partial")
        with tarfile.open(partial, "w") as packed:
            # the wheels are compressed already
            packed.add(folder, name, filter=_nobodys)
        partial.replace(archive)
    return archive


def _collect(wheels: Path) -> None:
    """Download the locked wheels, hashes checked, and build the project's two."""
    with tempfile.TemporaryDirectory() as scratch:
        pip = _pip_in(Path(scratch) / "venv")
        locked = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", "locks/hub.txt")
        _run(*pip, "download", "--quiet", *locked, "-d", str(wheels))
    for project in (ROOT / "client", ROOT):
        _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels), folder=project)


def _pip_in(environment: Path) -> tuple[str, ...]:
    try:
        subprocess.run(
            [getattr(sys, "_base_executable", sys.executable), "-m", "venv", environment],
            check=True,
            capture_output=True,
        )
    except subprocess.CalledProcessError:
        raise BundleFailed(
            f"A bundle is packed with pip, and this Python has no venv: run `apt-get install python{_python()}-venv` as root."
        ) from None
    return (str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input")


def _run(*command: str, folder: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode:
        raise BundleFailed(f"`{' '.join(command)}` failed; its words are above.")


def leave_out(wheel: Path) -> None:
    """Write the wheel anew without the files that may not be handed on, its RECORD in step."""
    pattern = licences.LEFT_OUT_OF_BUNDLES.get(licences.plain_name(wheel.name.split("-")[0]))
    if pattern is None:
        return
    slim = wheel.with_suffix(".slim")
    with zipfile.ZipFile(wheel) as full, zipfile.ZipFile(slim, "w", zipfile.ZIP_DEFLATED) as kept:
        for entry in full.infolist():
            if re.search(pattern, entry.filename):
                continue
            content = full.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                lines = content.decode().splitlines(keepends=True)
                content = "".join(line for line in lines if not re.search(pattern, line.split(",")[0])).encode()
            kept.writestr(entry, content, zipfile.ZIP_DEFLATED)
    slim.replace(wheel)


def _requirements(wheels: Path) -> str:
    lines = []
    for wheel in sorted(wheels.iterdir()):
        name, number = wheel.name.split("-")[:2]
        lines.append(f"{licences.plain_name(name)}=={number} --hash=sha256:{_digest(wheel)}\n")
    return "".join(lines)


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def main() -> None:
    """Make the bundle and say where it is; exits with 1 and one sentence when it cannot be made."""
    print("Packing the wheels; this downloads what is not cached.", file=sys.stderr, flush=True)
    try:
        archive = make_bundle()
    except BundleFailed as error:
        sys.exit(str(error))
    print(f"{archive.relative_to(ROOT)} ({archive.stat().st_size / 1e6:.0f} MB): unpack it and run `sh install.sh`.")


if __name__ == "__main__":
    main()
