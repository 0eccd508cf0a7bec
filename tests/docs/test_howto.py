"""The how-to pages are followed to the letter, in a copy of the checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from fixtures.servers import REPOSITORY

COPIED = ("src", "migrations", "tests/fixtures", "tests/make", "scripts")
FILE = re.compile(r"^`(?P<path>[\w./-]+)`:\n\n```python\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)
DIFF = re.compile(r"^```diff\n(?P<lines>.*?)^```$", re.MULTILINE | re.DOTALL)


def follow(page: str, checkout: Path) -> list[str]:
    """Do what a page says: write its files, insert its lines into wiring.py; return its test files."""
    text = (REPOSITORY / "docs" / "howto" / page).read_text(encoding="utf-8")
    written = []
    for found in FILE.finditer(text):
        path = checkout / found["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found["content"], encoding="utf-8")
        written.append(found["path"])
    wiring = checkout / "src" / "lyceum" / "wiring.py"
    for found in DIFF.finditer(text):
        kept, added = found["lines"].splitlines()
        assert kept.startswith(" ")
        assert added.startswith("+")
        before = wiring.read_text(encoding="utf-8")
        assert before.count(f"{kept[1:]}\n") == 1, f"{page} names a line that wiring.py does not have once: {kept[1:]}"
        wiring.write_text(before.replace(f"{kept[1:]}\n", f"{kept[1:]}\n{added[1:]}\n"), encoding="utf-8")
    return [path for path in written if path.startswith("tests/")]


def test_the_pages_on_endpoints_and_jobs_work_as_they_are_written(tmp_path: Path) -> None:
    for folder in COPIED:
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(REPOSITORY / "tests" / "conftest.py", tmp_path / "tests" / "conftest.py")
    shutil.copy2(REPOSITORY / "pyproject.toml", tmp_path / "pyproject.toml")
    (tmp_path / "client" / "tests").mkdir(parents=True)

    tests = [path for page in ("add-an-endpoint.md", "add-a-job.md") for path in follow(page, tmp_path)]
    # a run of its own: it shares neither the server nor the reports of the run it is part of
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
    ran = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests),
        cwd=tmp_path,
        env=inherited | {"PYTHONPATH": f"{tmp_path / 'src'}:{tmp_path / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
