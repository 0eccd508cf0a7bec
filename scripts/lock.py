"""Write `locks/` from the two `pyproject.toml`, or check without a network that they are up to date.

    python scripts/lock.py --check
    python scripts/lock.py [--upgrade | --upgrade-package NAME ...]

Each lock begins with a digest of the dependencies that it was made from. Writing needs `uv` on PATH; options go on to
`uv pip compile`. Versions stay as they are unless an option says otherwise. Standard library only.
"""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEV = ROOT / "locks" / "dev.txt"
HUB = ROOT / "locks" / "hub.txt"
# the lowest Python supported; universal locks hold for the later ones too
PYTHON = "3.11"
FORM = (
    "--universal",
    "--python-version",
    PYTHON,
    "--generate-hashes",
    "--no-emit-package",
    "lyceum-client",
    "--no-header",
    "--no-annotate",
    # a lock names no registry: pip and uv know theirs
    "--no-emit-index-url",
    "--no-emit-find-links",
)


def faults() -> list[str]:
    """Return one sentence for each way in which the locks do not fit the project."""
    wanted = header()
    found = [
        f"locks/{lock.name} is older than the dependencies in pyproject.toml: run `make lock`."
        for lock in (HUB, DEV)
        if lock.read_text(encoding="utf-8").partition("\n")[0] != wanted
    ]
    strays = pins(HUB) - pins(DEV)
    if strays:
        found.append(f"locks/hub.txt has {', '.join(sorted(strays))} and locks/dev.txt has not: run `make lock`.")
    return found


def header() -> str:
    """Return the first line of a lock that was made from the dependencies as they are now."""
    hub = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        hub["project"]["requires-python"],
        hub["project"]["dependencies"],
        hub["project"].get("optional-dependencies"),
        hub["dependency-groups"],
        client["project"]["dependencies"],
    ]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return f"# made by `make lock` from dependencies with the digest {digest}"


def pins(lock: Path) -> set[str]:
    """Return the `name==version` of every package in a lock."""
    return set(re.findall(r"^[\w.-]+==[^\s;\\]+", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))


def write(options: list[str]) -> None:
    """Resolve and write both locks; raises `OSError` or `CalledProcessError` when uv is missing or fails."""
    _compile(DEV, "--group", "build", "--group", "dev", *options)
    _compile(HUB, "--group", "build", "--constraint", "locks/dev.txt")


def _compile(lock: Path, *options: str) -> None:
    command = ["uv", "pip", "compile", "--quiet", "pyproject.toml", *options, *FORM, "-o", f"locks/{lock.name}"]
    subprocess.run(command, cwd=ROOT, check=True)
    lock.write_text(f"{header()}\n{lock.read_text(encoding='utf-8')}", encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Check or write; exits with 1 and the reasons when the locks do not fit or cannot be written."""
    if arguments == ["--check"]:
        sys.exit("\n".join(faults()) or 0)
    try:
        write(arguments)
    except OSError:
        sys.exit("Locks are written with uv, which is not on PATH: `pip install uv`, then run `make lock` again.")
    except subprocess.CalledProcessError as error:
        sys.exit(f"uv could not resolve the dependencies (exit code {error.returncode}); its words are above.")


if __name__ == "__main__":
    main(sys.argv[1:])
