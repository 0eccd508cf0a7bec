"""The pages on migrating: their commands are run, and their tables are what the converter does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.servers import REPOSITORY

HOWTO = REPOSITORY / "docs" / "howto"
FILE = re.compile(r"^`(?P<name>[\w.-]+)`:\n\n```\w+\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def said_by(commands: str, folder: Path) -> str:
    """Return a console's block with what its commands say now."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "COLUMNS": "120"}
    lines = []
    for line in commands.splitlines():
        if not line.startswith("$ "):
            continue
        ran = subprocess.run(
            ["bash", "-c", line[2:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        lines += [f"{line}\n", ran.stdout, ran.stderr]
    return "".join(lines)


def as_it_is(page: Path, folder: Path) -> str:
    """Return the page with its files written into the folder and its commands run."""
    text = page.read_text(encoding="utf-8")
    for found in FILE.finditer(text):
        (folder / found["name"]).write_text(found["content"], encoding="utf-8")
    return CONSOLE.sub(lambda block: f"```console\n{said_by(block[1], folder)}```", text)


@pytest.mark.parametrize("name", ["migrate-from-great-expectations.md", "migrate-from-soda.md"])
def test_the_commands_of_a_page_say_what_it_says(tmp_path: Path, name: str) -> None:
    page = HOWTO / name
    text = page.read_text(encoding="utf-8")
    assert as_it_is(page, tmp_path) == text
    assert text.count("\n$ lyceum ") == 3
    assert "exit code 1" in text


def test_the_tables_of_counterparts_are_what_the_converter_does() -> None:
    command = [sys.executable, str(REPOSITORY / "scripts" / "migration_pages.py"), "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
