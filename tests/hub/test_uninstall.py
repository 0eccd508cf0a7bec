"""A hub is removed with what it made, and nothing else is."""

from pathlib import Path

import pytest

from fixtures.commands import lyceum, told, up
from fixtures.hubs import StartHub
from fixtures.processes import is_alive


@pytest.mark.deep
def test_a_running_hub_is_stopped_and_removed_and_what_others_put_there_stays(
    start_hub: StartHub, folder: Path
) -> None:
    hub = up(start_hub)
    (hub.home / "lyceum.toml").write_text('log_level = "info"\n')
    told("backup", "create", home=hub.home)
    (hub.home / "notes.txt").write_text("mine")
    outside = folder / "outside"
    outside.mkdir()
    (outside / "kept").write_text("mine")
    (hub.home / "replaced-by-hand").symlink_to(outside)

    wrong = lyceum("uninstall", home=hub.home, typed="yes\n")
    assert wrong.returncode == 2
    assert "nothing was removed" in wrong.stderr
    assert hub.status()["ready"]

    assert "Removed" in told("uninstall", "--keep-data", "--yes", home=hub.home)
    assert hub.process.wait(60) == 0
    assert not any(is_alive(pid) for pid in hub.child_pids)
    assert not any(run_folder.exists() for run_folder in hub.run_folders)
    assert not (hub.home / "logs").exists()
    again = up(start_hub)
    assert len(told("backup", "list", home=hub.home).splitlines()) == 1

    done = lyceum("uninstall", home=hub.home, typed=f"{hub.home.name}\n")
    assert done.returncode == 0, done.stderr
    assert again.process.wait(60) == 0
    assert "ALL ITS DATA" in done.stdout
    assert "Still there: backups, notes.txt." in done.stdout
    assert sorted(path.name for path in hub.home.iterdir()) == ["backups", "notes.txt"]
    assert (outside / "kept").read_text() == "mine"


@pytest.mark.parametrize("what", ["empty", "files", "none"])
def test_a_folder_that_is_no_hub_is_left_alone(tmp_path: Path, what: str) -> None:
    home = tmp_path / "home"
    if what != "none":
        home.mkdir()
    if what == "files":
        (home / "files").mkdir()
        (home / "secrets.json").write_text("{}")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    done = lyceum("uninstall", "--yes", home=home)
    assert done.returncode == 2
    assert "is not the home of a hub, so nothing is removed" in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
