"""Complete npm's locks in `web`: optional packages for other platforms, and no registry's address.

    python scripts/complete_lock.py [--check]

npm leaves out of a lock what the registry in use did not serve, and on another platform `npm ci` then refuses the lock. A
stub (version, system, processor) is enough: here it is skipped as foreign, there npm fetches it. Standard library only.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (ROOT / "web" / "package-lock.json", ROOT / "web" / "codegen" / "package-lock.json")
SYSTEMS = frozenset(
    {"android", "darwin", "freebsd", "linux", "win32", "openharmony", "netbsd", "openbsd", "sunos", "aix"}
)
PROCESSORS = frozenset(
    {"x64", "arm64", "arm", "ia32", "ppc64", "s390x", "riscv64", "loong64", "mips64el", "wasm32"}
)  # fmt: skip

Entry = dict[str, Any]


def completed(lock: Entry) -> Entry:
    """Return the lock with an entry for every optional package, and without addresses."""
    packages: dict[str, Entry] = {
        name: {key: value for key, value in entry.items() if key != "resolved"}
        for name, entry in lock["packages"].items()
    }
    for owner, entry in list(packages.items()):
        for name, wanted in entry.get("optionalDependencies", {}).items():
            if not _is_there(packages, owner, name):
                packages[f"node_modules/{name}"] = _stub(name, wanted, owner=entry)
    return {**lock, "packages": dict(sorted(packages.items()))}


def _is_there(packages: dict[str, Entry], owner: str, name: str) -> bool:
    folder = owner
    while True:
        if f"{folder}/node_modules/{name}".removeprefix("/") in packages:
            return True
        if not folder:
            return False
        folder = folder.rpartition("node_modules/")[0].rstrip("/")


def _stub(name: str, wanted: str, *, owner: Entry) -> Entry:
    words = re.split(r"[-/@.]", name)
    systems = [word for word in words if word in SYSTEMS]
    processors = [word for word in words if word in PROCESSORS]
    processors = processors or (["arm"] if any(word.startswith("arm") for word in words) else [])
    if not systems and "wasm32" not in processors:
        sys.exit(f"{name} is optional and not in the lock; its name does not say for which platform it is.")
    stub: Entry = {"version": wanted.lstrip("^~"), "optional": True}
    if owner.get("dev"):
        stub["dev"] = True
    if systems:
        stub["os"] = systems
    if processors:
        stub["cpu"] = processors
    return stub


def main(arguments: list[str]) -> None:
    """Write the locks, or exit with 1 and their names when `--check` finds one incomplete."""
    stale = []
    for path in LOCKS:
        written = path.read_text(encoding="utf-8")
        wanted = json.dumps(completed(json.loads(written)), indent=2, ensure_ascii=False) + "\n"
        if written == wanted:
            continue
        stale.append(path.relative_to(ROOT).as_posix())
        if arguments != ["--check"]:
            path.write_text(wanted, encoding="utf-8")
    if stale and arguments == ["--check"]:
        sys.exit(f"{', '.join(stale)} is incomplete for other platforms: run `python scripts/complete_lock.py`.")


if __name__ == "__main__":
    main(sys.argv[1:])
