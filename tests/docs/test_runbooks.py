"""The commands of the pages for whoever runs a hub, each typed as it is written there."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fixtures.commands import lyceum, up
from fixtures.hubs import StartHub, folder, start_hub, wait_until
from fixtures.servers import REPOSITORY
from lyceum_client import Client

__all__ = ["folder", "start_hub"]

OPERATIONS = REPOSITORY / "docs" / "operations"
_FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OPTIONAL = re.compile(r"\[[^]]*\]")
_REMARK = re.compile(r"\s{2,}.*")


def commands(page: str, heading: str, places: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the lines a section has one type, without what is optional and without remarks, at places of our own."""
    text = (OPERATIONS / page).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for fence in _FENCE.findall(section) for line in fence.splitlines()]
    assert lines, f"{page} has no commands under {heading!r}"
    for line in lines:
        typed = _REMARK.sub("", _OPTIONAL.sub("", line)).strip()
        for written, ours in places.items():
            typed = typed.replace(written, ours)
        yield shlex.split(typed)


def typed(words: list[str], *, home: Path) -> str:
    """Type a command line, which has to succeed, and return what it prints."""
    if words[0] != "lyceum":
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout
    ran = lyceum(*words[1:], home=home)
    assert ran.returncode == 0, f"{shlex.join(words)}: {ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_the_runbooks_work_as_they_are_written(start_hub: StartHub, tmp_path: Path) -> None:
    hub = up(start_hub)
    places = {"$LYCEUM_HOME": str(hub.home), "ORG": "main"}
    key = lyceum("admin", "key", home=hub.home).stdout.strip()
    with Client(hub.status()["url"], key) as client:
        client.datasets.create("kept")
    typed(["lyceum", "backup", "create"], home=hub.home)

    postgres = hub.child("postgres")["pid"]
    os.kill(postgres, signal.SIGKILL)
    status, _, said = (typed(words, home=hub.home) for words in commands("runbooks.md", "The database is down", places))
    assert re.search(r"PostgreSQL \S+ +(restarting|starting|ready|running)", status)
    assert said
    wait_until(lambda: bool(hub.status()["ready"]), said=lambda: hub.output)

    stored, _, pruned = (typed(words, home=hub.home) for words in commands("runbooks.md", "The disk is full", places))
    assert "main" in stored
    assert pruned
    for words in commands("runbooks.md", "The queue stands still", {}):
        typed(words, home=hub.home)

    with Client(hub.status()["url"], key) as client:
        client.datasets.create("lost-by-the-restore")
    assert hub.interrupt() == 0
    *put_back, start = commands("runbooks.md", "Restore", {})
    for words in put_back:
        typed(words, home=hub.home)
    assert start == ["lyceum", "up"]
    again = up(start_hub, hub.home)
    with Client(again.status()["url"], key) as client:
        assert [each.name for each in client.datasets.list()] == ["kept"]


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_the_page_on_backups_works_as_it_is_written(start_hub: StartHub, tmp_path: Path) -> None:
    hub = up(start_hub)
    key = lyceum("admin", "key", home=hub.home).stdout.strip()
    with Client(hub.status()["url"], key) as client:
        client.datasets.create("kept")
    recipient, key_file = tmp_path / "recipient", tmp_path / "hub.age-key"
    places = {
        "/mnt/safe/hub": str(tmp_path / "safe"),
        "s3://bucket/hub": str(tmp_path / "bucket"),
        "/root-only/hub.age-key": str(key_file),
        "--key-file recipient": f"--key-file {recipient}",
        "--key-file key": f"--key-file {key_file}",
        "/tmp/drill": str(tmp_path / "drill"),
    }
    plain = [words for words in commands("backup.md", "Making one", places) if str(tmp_path / "bucket") not in words]
    for words in plain:
        typed(words, home=hub.home)

    make_key, _, *encrypted = commands("backup.md", "Encrypted", places)
    recipient.write_text(typed(make_key, home=hub.home).split()[-1], encoding="utf-8")
    for words in encrypted:
        typed(words, home=hub.home)

    verify, restore, start, away = commands("backup.md", "The drill", places)
    typed(verify, home=hub.home)
    home = Path(restore.pop(0).partition("=")[2])
    typed(restore, home=home)
    assert start[-2:] == ["lyceum", "up"]
    drilled = up(start_hub, home)
    with Client(drilled.status()["url"], key) as client:
        assert [each.name for each in client.datasets.list()] == ["kept"]
    typed(away[1:], home=home)
    assert drilled.process.wait(60) == 0
