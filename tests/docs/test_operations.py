"""The commands in the pages for operators are commands of this release, with options they take."""

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from fixtures.servers import REPOSITORY
from lyceum.cli import app

PAGES = sorted((REPOSITORY / "docs" / "operations").glob("*.md"))
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")


def commands_in(page: Path) -> list[list[str]]:
    """Return the commands of `lyceum` in a page's blocks, without variables and the words that explain them."""
    lines = [line for block in BLOCK.findall(page.read_text(encoding="utf-8")) for line in block.splitlines()]
    words = [shlex.split(re.split(r" {3,}", line)[0].replace("[", "").replace("]", "")) for line in lines]
    kept = [[word for word in line if not ASSIGNMENT.fullmatch(word)] for line in words]
    return [line[1:] for line in kept if line[:1] == ["lyceum"]]


@pytest.mark.parametrize("page", [page for page in PAGES if commands_in(page)], ids=lambda page: page.stem)
def test_every_command_and_option_of_a_page_is_there(page: Path) -> None:
    for words in commands_in(page):
        command = get_command(app)
        rest = list(words)
        while isinstance(command, TyperGroup) and (rest or not command.invoke_without_command):
            assert rest, f"lyceum {' '.join(words)}"
            assert rest[0] in command.commands, f"lyceum {' '.join(words)}"
            command = command.commands[rest.pop(0)]
        known = {name for parameter in command.params for name in parameter.opts}
        given = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert given <= known, f"lyceum {' '.join(words)}"
