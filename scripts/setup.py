"""Make `.venv` from the lock with hashes, or leave it as it is when it is up to date.

    python scripts/setup.py hub|dev

`hub` is what a hub runs on; `dev` adds the tests and checkers. `uv` does the work when it is on PATH, else pip. A set-up
that was interrupted is done anew by the next; one that has nothing to do takes some milliseconds. Standard library only.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / "lyceum-setup.json"
LOCKS = {"hub": ROOT / "locks" / "hub.txt", "dev": ROOT / "locks" / "dev.txt"}
# every package of the first is in the second, in the same version
CONTAINED = {"hub": ("hub",), "dev": ("hub", "dev")}
NEVER_STRAY = ("pip", "setuptools", "lyceum-hub", "lyceum-client")
SUPPORTED = ((3, 11), (3, 12), (3, 13))
DISK_BYTES_WANTED = 2_500_000_000
LAST_LINES_SHOWN = 15
SECONDS_WORTH_TELLING = 1


class SetupFailed(RuntimeError):
    """The environment could not be made; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a finished set-up left: where, on which Python, from which locks (SHA-256 by name) and project files."""

    place: str
    python: str
    locks: dict[str, str]
    project: str


def set_up(group: str) -> None:
    """Bring `.venv` to the state that the lock of `group` and the project's files ask for.

    Raises `SetupFailed`.
    """
    with _alone():
        started = time.monotonic()
        made = _usable()
        groups = {*CONTAINED[group], *(made.locks if made else ())}
        wanted = {name: _digest(LOCKS[name].read_bytes()) for name in sorted(groups)}
        if made and made.locks == wanted and made.project == _project_digest():
            return
        # without its stamp a half-made environment is never taken for a finished one
        STAMP.unlink(missing_ok=True)
        if made is None:
            _make_and_fill(group)
        elif made.locks != wanted:
            # in place: a hub may be running from it
            _say("Bringing .venv up to the lock.")
            _install_lock("dev" if "dev" in groups else "hub", with_uv=_has_uv())
            _remove_strays(groups, with_uv=_has_uv())
        _install_project(with_uv=_has_uv())
        _write_stamp(wanted)
        seconds = time.monotonic() - started
        if seconds >= SECONDS_WORTH_TELLING:
            _say(f"Set up .venv in {seconds:.0f} s.")


def _usable() -> Made | None:
    """Return what an earlier set-up finished when it can be kept; None when `.venv` has to be made anew."""
    try:
        made = Made(**json.loads(STAMP.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if made.place != str(ROOT) or made.python != _version_of(PYTHON):
        return None
    if os.environ.get("PYTHON") and made.python != _this_version():
        return None
    return made


def _make_and_fill(group: str) -> None:
    _ask_for_room()
    if _has_uv():
        try:
            _make_with_uv()
            _install_lock(group, with_uv=True)
        except SetupFailed as error:
            # pip may know an index, a proxy or a certificate that uv was not told of
            _say(f"{error}\nTrying again with pip.")
        else:
            return
    _make_with_pip()
    _install_lock(group, with_uv=False)


def _ask_for_room() -> None:
    free = shutil.disk_usage(ROOT).free
    if free < DISK_BYTES_WANTED:
        raise SetupFailed(
            f"{ROOT} has {free / 1e9:.1f} GB free and .venv needs {DISK_BYTES_WANTED / 1e9:.1f} GB: free some and run again."
        )


def _make_with_uv() -> None:
    _remove_environment()
    _say(f"Setting up .venv with uv and Python {_this_version()}; the first time downloads some 600 MB.")
    _run("uv", "venv", "--quiet", "--no-project", "--python", _base_python(), str(ENVIRONMENT))


def _make_with_pip() -> None:
    try:
        import ensurepip  # noqa: F401 - asked for before anything is removed
        import venv  # noqa: F401
    except ImportError:
        version = _this_version()
        raise SetupFailed(
            f"{_base_python()} (Python {version}) has no venv: run `apt-get install python{version}-venv` as root, "
            "or install uv."
        ) from None
    _remove_environment()
    _say(f"Setting up .venv with pip and Python {_this_version()}; the first time downloads some 600 MB.")
    _run(_base_python(), "-m", "venv", str(ENVIRONMENT))


def _remove_environment() -> None:
    if ENVIRONMENT.is_symlink():
        ENVIRONMENT.unlink()
    elif ENVIRONMENT.exists():
        shutil.rmtree(ENVIRONMENT)


def _install_lock(group: str, *, with_uv: bool) -> None:
    _install("--require-hashes", "--only-binary", ":all:", "-r", f"locks/{group}.txt", with_uv=with_uv)


def _install_project(*, with_uv: bool) -> None:
    _install("--no-build-isolation", "-e", "client", "-e", ".", with_uv=with_uv)


def _install(*options: str, with_uv: bool) -> None:
    if with_uv:
        # compiled now and on all cores, as pip does: the first start would pay for it otherwise
        _run("uv", "pip", "install", "--quiet", "--python", str(PYTHON), "--compile-bytecode", "--no-deps", *options)
        return
    if subprocess.run([PYTHON, "-c", "import pip"], capture_output=True, check=False).returncode:
        _run(str(PYTHON), "-m", "ensurepip")
    pip = (str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input")
    _run_pip(*pip, "install", "--no-deps", *options)


def _remove_strays(groups: set[str], *, with_uv: bool) -> None:
    """Uninstall what the locks no longer name, lest something be imported that nothing asks for."""
    listing = "import importlib.metadata as m; print(*{d.metadata['Name'] for d in m.distributions()})"
    done = subprocess.run([PYTHON, "-c", listing], env=_variables(), capture_output=True, text=True, check=True)
    locked = set(re.findall(r"^([\w.-]+)==", "".join(LOCKS[name].read_text() for name in groups), flags=re.MULTILINE))
    kept = {_plain(name) for name in (*locked, *NEVER_STRAY)}
    strays = sorted(name for name in done.stdout.split() if _plain(name) not in kept)
    if strays:
        options = ("--quiet", *strays)
        if with_uv:
            _run("uv", "pip", "uninstall", "--python", str(PYTHON), *options)
        else:
            _run(str(PYTHON), "-m", "pip", "uninstall", "--yes", *options)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, env=_variables(), stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SetupFailed(f"`{' '.join(command)}` failed; its words are above.")


def _run_pip(*command: str) -> None:
    """Run pip with a line of progress instead of its many; on failure its last lines are in the error."""
    said: list[str] = []
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=_variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line.rstrip())
        _show_progress(said)
    if sys.stderr.isatty():
        print("\r\033[K", end="", flush=True, file=sys.stderr)
    if process.wait():
        last = "\n".join(said[-LAST_LINES_SHOWN:])
        raise SetupFailed(f"{last}\npip could not install the packages: mend what it says above and run again.")


def _show_progress(said: list[str]) -> None:
    if not sys.stderr.isatty():
        return
    words = said[-1].split()
    if words[:1] == ["Collecting"]:
        collected = sum(line.startswith("Collecting ") for line in said)
        print(f"\r\033[K  package {collected}: {words[1]}", end="", flush=True, file=sys.stderr)
    elif words[:1] == ["Installing"]:
        print("\r\033[K  unpacking", end="", flush=True, file=sys.stderr)


def _say(line: str) -> None:
    # standard output belongs to what the set-up is for
    print(line, flush=True, file=sys.stderr)


def _variables() -> dict[str, str]:
    # an environment that is active in the caller's shell is not the one to fill
    kept = {
        name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH"}
    }
    return {**kept, "UV_PYTHON_DOWNLOADS": "never"}


def _has_uv() -> bool:
    try:
        return subprocess.run(["uv", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _write_stamp(locks: dict[str, str]) -> None:
    made = Made(place=str(ROOT), python=_version_of(PYTHON), locks=locks, project=_project_digest())
    partial = STAMP.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(made), indent=1), encoding="utf-8")
    partial.replace(STAMP)


def _project_digest() -> str:
    """Return a digest of what an editable install records: metadata, entry points, build settings."""
    recorded: list[object] = [(ROOT / "client" / "src" / "lyceum_client" / "version.py").read_text(encoding="utf-8")]
    for folder in (ROOT, ROOT / "client"):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        recorded += [project["build-system"], project["project"], project["tool"]["hatch"]]
    return _digest(json.dumps(recorded, sort_keys=True).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _base_python() -> str:
    # inside a virtual environment this is the Python it was made from
    base: str = getattr(sys, "_base_executable", "") or sys.executable
    return base


def _this_version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _version_of(python: Path) -> str:
    """Return `3.12` for a Python 3.12 that runs, an empty string for none."""
    ask = "import sys; print(*sys.version_info[:2], sep='.')"
    try:
        done = subprocess.run([python, "-c", ask], env=_variables(), capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


@contextmanager
def _alone() -> Iterator[None]:
    folder = ROOT / ".cache"
    folder.mkdir(exist_ok=True)
    with (folder / "setup.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> None:
    """Set up for the one group named; exits with 1 and one sentence when it cannot be done."""
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        sys.exit("Say what to set up: `setup.py hub` or `setup.py dev`.")
    if sys.version_info[:2] not in SUPPORTED:
        sys.exit(f"Lyceum needs Python 3.11, 3.12 or 3.13; this is {_this_version()}.")
    try:
        set_up(arguments[0])
    except SetupFailed as error:
        sys.exit(str(error))
    except PermissionError as error:
        sys.exit(f"{error.filename} belongs to another account: run as that account, or have it run `make clean`.")
    except KeyboardInterrupt:
        sys.exit("Stopped; the next run does it anew.")


if __name__ == "__main__":
    main(sys.argv[1:])
