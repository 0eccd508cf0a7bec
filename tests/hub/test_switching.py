"""Data that has arrived takes its place whole, wherever the program ended on the way."""

import os
from pathlib import Path

import pytest

from lyceum.hub import switching
from lyceum.hub.errors import HubRefused
from lyceum.hub.switching import ARRIVING, COMPLETE, MOVED, arriving_folder, data_in, settle, take_place

PARTS = ("servers", "files", "secrets.json")


def fill(home: Path, word: str) -> None:
    """Put data into a home that says `word`."""
    for name in ("servers/postgres-18", "files"):
        (home / name).mkdir(parents=True)
        (home / name / "content").write_text(word)
    (home / "secrets.json").write_text(word)


def words(home: Path) -> set[str]:
    files = (home / "servers" / "postgres-18" / "content", home / "files" / "content", home / "secrets.json")
    return {file.read_text() if file.exists() else "nothing" for file in files}


def test_new_data_takes_the_place_of_old_which_is_kept(tmp_path: Path) -> None:
    fill(tmp_path, "old")
    fill(arriving_folder(tmp_path), "new")
    replaced = take_place(tmp_path)
    assert words(tmp_path) == {"new"}
    assert replaced is not None
    assert words(replaced) == {"old"}
    assert not (tmp_path / ARRIVING).exists()
    assert [path.name for path in data_in(tmp_path)] == ["postgres-18", "files"]


@pytest.mark.parametrize("renames", range(7))
def test_a_kill_between_any_two_renames_is_finished_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    fill(tmp_path, "old")
    fill(arriving_folder(tmp_path), "new")
    left = renames
    rename = Path.rename

    class Killed(BaseException):
        pass

    def rename_some(path: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_some)
    if renames < 2 * len(PARTS):
        with pytest.raises(Killed):
            take_place(tmp_path)
    else:
        take_place(tmp_path)
    monkeypatch.setattr(Path, "rename", rename)
    settle(tmp_path)
    assert words(tmp_path) == {"new"}
    [replaced] = tmp_path.glob("replaced-*")
    assert words(replaced) == {"old"}
    assert not (tmp_path / ARRIVING).exists()


def test_what_never_became_whole_is_taken_back(tmp_path: Path) -> None:
    fill(tmp_path, "old")
    fill(arriving_folder(tmp_path), "new")
    settle(tmp_path)
    assert words(tmp_path) == {"old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(PARTS)


def test_a_part_that_cannot_be_moved_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / ARRIVING, "new")
    (tmp_path / ARRIVING / COMPLETE).write_text("replaced-then")

    def refuse(path: Path, _target: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        with pytest.raises(HubRefused, match=r"cannot take its place in .* \(Permission denied\)"):
            settle(tmp_path)
    settle(tmp_path)
    assert words(tmp_path) == {"new"}


def test_a_mount_is_refused_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == MOVED[1])
    with pytest.raises(HubRefused, match="is a mount of its own"):
        switching.refuse_mounts(tmp_path)
