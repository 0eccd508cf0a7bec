"""The folder of results: a person's own files in it are never replaced or removed, and it is tried before the training."""

import re
from pathlib import Path
from typing import Any

import pytest

from lyceum.walkthrough.errors import InputRefused
from lyceum.walkthrough.outputs import FILES, ResultsFolder
from lyceum_client import Client, HubUnavailable
from lyceum_client.datasets import Datasets
from make.walkthrough import learnable

NOBODY = {"LYCEUM_URL": "http://127.0.0.1:9", "LYCEUM_API_KEY": "lyk_none"}
TEXTS = {"report.html": "<p>", "notebook.ipynb": "{}", "api-key": "lyk_1"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_ones_own_is_refused_before_anything_is_done(try_here: Any, tmp_path: Path, name: str) -> None:
    learnable(20).write_csv(tmp_path / "shop.csv")
    own = tmp_path / "work" / name
    own.parent.mkdir()
    own.write_text("weeks of work")
    ended = try_here("shop.csv", "--target", "bought", "--output", "work", "--cleanup", "--exit", **NOBODY)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"work/{name} is there already; move it away, or name another folder with --output.\n"
    assert own.read_text() == "weeks of work"
    assert [path.name for path in own.parent.iterdir()] == [name]


def test_so_it_is_in_the_folder_that_was_not_named_before_the_training(
    try_here: Any, hub: Client, tmp_path: Path
) -> None:
    learnable().write_csv(tmp_path / "shop.csv")
    own = tmp_path / "lyceum-try-shop" / "notebook.ipynb"
    own.parent.mkdir()
    own.write_text("weeks of work")
    ended = try_here("shop.csv", "--target", "bought", "--exit")
    assert ended.code == 2, ended.err
    assert ended.err.startswith("lyceum-try-shop/notebook.ipynb is there already; move it away")
    assert own.read_text() == "weeks of work"
    assert list(hub.datasets.list()) == []
    assert list(hub.runs.list()) == []


@pytest.mark.parametrize("output", ["taken", "taken/results", "/proc/results", "/proc"])
def test_a_folder_that_cannot_be_used_is_refused_before_a_hub_is_asked(
    try_here: Any, tmp_path: Path, output: str
) -> None:
    learnable(20).write_csv(tmp_path / "shop.csv")
    (tmp_path / "taken").write_text("a file, not a folder")
    ended = try_here("shop.csv", "--target", "bought", "--output", output, **NOBODY)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"The results cannot be written to {output} (")
    assert ended.err.endswith("; name another folder with --output.\n")
    assert len(ended.err.splitlines()) == 1


def test_folders_that_were_made_go_again(try_here: Any, tmp_path: Path) -> None:
    learnable(20).write_csv(tmp_path / "shop.csv")
    ended = try_here("shop.csv", "--target", "bought", "--output", "a/b/c", **NOBODY)
    assert ended.code == 1, ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["shop.csv"]


@pytest.mark.deep
def test_cleanup_says_what_it_could_not_take_back(
    try_here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_datasets: Datasets, _address: str) -> None:
        raise HubUnavailable(None, "unreachable", "No hub answers.")

    learnable().write_csv(tmp_path / "shop.csv")
    monkeypatch.setattr(Datasets, "archive", away)
    ended = try_here("shop.csv", "--target", "bought", "--time-limit", "1s", "--exit", "--cleanup")
    assert ended.code == 1
    assert re.search(r"\nthe dataset org-\w+/shop could not be taken back: No hub answers\.\n", ended.out)
    assert re.fullmatch(r"Still there, for you to remove: the dataset org-\w+/shop\.\n", ended.err)
    assert [path.name for path in tmp_path.iterdir()] == ["shop.csv"]


def test_results_of_an_earlier_try_are_replaced_and_then_removed(tmp_path: Path) -> None:
    ResultsFolder(tmp_path).write(TEXTS)
    again = ResultsFolder(tmp_path)
    again.prepare()
    again.write({"report.html": "<b>", "notebook.ipynb": "[]"})
    assert (tmp_path / "report.html").read_text() == "<b>"
    assert not (tmp_path / "api-key").exists(), "the key of the earlier try opens nothing of this one"
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_result_somebody_changed_is_theirs(tmp_path: Path) -> None:
    first = ResultsFolder(tmp_path)
    first.write(TEXTS)
    notebook = tmp_path / "notebook.ipynb"
    notebook.write_text("{} and weeks of work")
    with pytest.raises(InputRefused, match=r"notebook.ipynb was changed since a try wrote it; move it away"):
        ResultsFolder(tmp_path).prepare()
    with pytest.raises(OSError, match=r"notebook.ipynb was changed since and stays"):
        first.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["notebook.ipynb"]
    assert notebook.read_text() == "{} and weeks of work"


def test_what_is_put_there_during_the_training_is_left_alone(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "results")
    folder.prepare()
    aim = tmp_path / "aim"
    aim.write_text("weeks of work")
    (tmp_path / "results" / "report.html").symlink_to(aim)
    with pytest.raises(InputRefused, match=r"report.html is there already"):
        folder.write(TEXTS)
    folder.remove()
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["report.html"]
    assert aim.read_text() == "weeks of work"


def test_a_note_that_is_not_of_a_try_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".lyceum-try.json").write_text("[]")
    with pytest.raises(InputRefused, match=r"lyceum-try.json is there already"):
        ResultsFolder(tmp_path).prepare()
