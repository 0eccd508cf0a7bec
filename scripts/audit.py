"""Ask what is known to be wrong with the packages of the locks, and of web/ once that is there.

    .venv/bin/python scripts/audit.py [--must-ask]

An advisory that does not touch us stands in scripts/audit_exceptions.toml with the reason and a day to look again. Fails
for any other. Where the advisory service cannot be asked, says so in plain words and never that all is well; with
`--must-ask` it fails then as well.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXCEPTIONS = ROOT / "scripts" / "audit_exceptions.toml"
ASK_SECONDS_MAX = 300
NOT_ASKED_CODE = 3

Run = Callable[[list[str]], subprocess.CompletedProcess[str]]


@dataclass(slots=True)
class Findings:
    """What came of asking about one set of packages."""

    what: str
    asked: int = 0
    not_asked: str = ""
    """Why nothing, or not everything, was learnt; empty where every package was asked about."""
    advisories: list[tuple[str, str, str]] = field(default_factory=list)
    """Package, version and id of each advisory."""


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Return what a command said; one that hangs is one that failed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS_MAX, cwd=ROOT, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {ASK_SECONDS_MAX} s")


def ask_about_python(lock: Path, *, run: Run = run) -> Findings:
    """Return what PyPI's advisories say of a lock."""
    found = Findings(lock.name)
    options = ["--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json"]
    told = run([sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options])
    try:
        packages: list[dict[str, Any]] = json.loads(told.stdout)["dependencies"]
    except (ValueError, KeyError):
        found.not_asked = _last_line(told.stderr)
        return found
    skipped = [package for package in packages if "skip_reason" in package]
    found.asked = len(packages) - len(skipped)
    if skipped:
        # pip-audit itself ends well then
        found.not_asked = f"{len(skipped)} of {len(packages)} packages: {skipped[0]['skip_reason']}"
    for package in packages:
        for advisory in package.get("vulns", ()):
            found.advisories.append((package["name"], package["version"], advisory["id"]))
    return found


def ask_about_web(folder: Path, *, run: Run = run) -> Findings | None:
    """Return what npm's advisories say of the web app's lock; None while there is none."""
    if not (folder / "package-lock.json").is_file():
        return None
    found = Findings("web/package-lock.json")
    npm = shutil.which("npm")
    if npm is None:
        found.not_asked = "npm is not installed"
        return found
    told = run([npm, "audit", "--json", "--prefix", str(folder)])
    try:
        answer = json.loads(told.stdout)
        found.asked = int(answer["metadata"]["dependencies"]["total"])
    except (ValueError, KeyError, TypeError):
        found.not_asked = _last_line(told.stderr or told.stdout)
        return found
    for name, package in answer.get("vulnerabilities", {}).items():
        for via in package["via"]:
            if isinstance(via, dict):
                found.advisories.append((name, str(package.get("range", "")), str(via.get("url") or via["source"])))
    return found


def excused(today: date, *, file: Path = EXCEPTIONS) -> set[str]:
    """Return the ids of the advisories that are excused until a day still to come."""
    written = tomllib.loads(file.read_text(encoding="utf-8")).get("advisory", [])
    for one in written:
        if not one.get("reason") or not isinstance(one.get("look_again"), date):
            raise SystemExit(f"{file.name}: {one.get('id')} needs a reason and a day to look again.")
    return {one["id"] for one in written if one["look_again"] >= today}


def report(findings: list[Findings], excuses: set[str]) -> tuple[bool, bool]:
    """Print what was found; return whether something is wrong, and whether everything was asked about."""
    wrong = False
    for found in findings:
        for package, version, advisory in found.advisories:
            is_excused = advisory in excuses
            wrong = wrong or not is_excused
            print(f"{found.what}: {package} {version} has {advisory}{' (excused)' if is_excused else ''}")
        if found.not_asked:
            print(f"{found.what}: NOT KNOWN, the advisory service was not asked: {found.not_asked}", file=sys.stderr)
        if found.asked:
            print(f"{found.what}: asked about {found.asked} packages, {len(found.advisories)} advisories.")
    return wrong, not any(found.not_asked for found in findings)


def main(arguments: list[str]) -> int:
    """Ask about everything and return the exit code."""
    findings = [ask_about_python(ROOT / "locks" / name) for name in ("hub.txt", "dev.txt")]
    web = ask_about_web(ROOT / "web")
    wrong, all_asked = report(findings + ([web] if web else []), excused(datetime.now(UTC).date()))
    if wrong:
        return 1
    return NOT_ASKED_CODE if not all_asked and "--must-ask" in arguments else 0


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:300]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
