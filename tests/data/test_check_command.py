"""`lyceum check`: a file checked with no hub, as a build does it."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from lyceum.cli import main

ROWS = 60
CHECKS = """checks:
  id: [not_null, unique]
  hour: {range: [0, 23]}
  note: {in_set: [good], severity: warning}
"""


@dataclass(frozen=True)
class Ended:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in the folder."""
    monkeypatch.chdir(folder)

    def ran(*arguments: str) -> Ended:
        command = [] if arguments[0] == "checks" else ["check"]
        monkeypatch.setattr(sys, "argv", ["lyceum", *command, *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ended(int(ended.value.code or 0), said.out, said.err)

    return ran


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table that is as it should be, one with two faults, and checks."""
    good = [f"{n},{n % 24},good" for n in range(ROWS)]
    bad = [*good[:40], "40,24,good", *good[41:50], "50,12,<b>::bad|", *good[51:]]
    for name, rows in (("good.csv", good), ("bad.csv", bad)):
        (tmp_path / name).write_text("\n".join(["id,hour,note", *rows]) + "\n")
    (tmp_path / "checks.yaml").write_text(CHECKS)
    return tmp_path


def test_a_table_that_holds_ends_with_zero_where_there_is_no_hub(folder: Path) -> None:
    command = [sys.executable, "-m", "lyceum.cli", "check", "good.csv", "--checks", "checks.yaml"]
    # neither settings of a hub nor a home
    ended = subprocess.run(
        command, cwd=folder, env={"PATH": ""}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("4 checks on 60 rows: 4 passed, 0 failed")


def test_a_check_that_fails_ends_with_one_and_every_output_says_it(folder: Path, run: Run) -> None:
    ended = run("bad.csv", "--checks", "checks.yaml", "--github", "--junit", "out/j.xml", "--markdown", "out/m.md")
    assert (ended.code, ended.err) == (1, "")
    error, warning = (line for line in ended.out.splitlines() if line.startswith("::"))
    assert error.startswith("::error file=bad.csv,line=42,title=hour.range::1 of 60")
    assert warning.startswith("::warning file=bad.csv,line=52,title=note.in_set::1 of 60")
    suite = ET.fromstring((folder / "out" / "j.xml").read_text())
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "0", "1"]
    told = {case.get("name"): [child.tag for child in case] for case in suite}
    assert told == {"id.not_null": [], "id.unique": [], "hour.range": ["failure"], "note.in_set": ["skipped"]}
    assert "note='<b>::bad|'" in (suite.findtext(".//skipped") or "")
    first, _, _, _, failed, warned, *held = (folder / "out" / "m.md").read_text().splitlines()
    assert first == "### bad.csv: 2 of 4 checks hold on 60 rows"
    assert failed.startswith("| ❌ | hour.range | ")
    assert warned.startswith("| ⚠️ | note.in&#95;set | ")
    assert len(held) == 2


def test_annotations_stand_beside_the_json_and_not_in_it(folder: Path, run: Run) -> None:
    ended = run("bad.csv", "--checks", "checks.yaml", "--github", "--json")
    assert (ended.code, json.loads(ended.out)["passed"]) == (1, False)
    assert [line.split(" ")[0] for line in ended.err.splitlines()] == ["::error", "::warning"]


def test_a_warning_alone_ends_with_zero(folder: Path, run: Run) -> None:
    (folder / "soft.yaml").write_text("checks: {hour: {range: [0, 23], severity: warning}}")
    ended = run("bad.csv", "--checks", "soft.yaml", "--json")
    assert ended.code == 0
    report = json.loads(ended.out)
    assert (report["passed"], report["results"][0]["status"], report["results"][0]["failing"]) == (True, "failed", 1)


def test_suggested_checks_hold_on_the_table_they_come_from(folder: Path, run: Run) -> None:
    suggested = run("good.csv", "--suggest")
    assert (suggested.code, suggested.err) == (0, "")
    assert "# All 60 values of id are different, so it identifies a row.\n  - kind: unique\n" in suggested.out
    assert {check["kind"] for check in yaml.safe_load(suggested.out)["checks"]} >= {
        "unique",
        "not_null",
        "row_count",
    }
    (folder / "suggested.yaml").write_text(suggested.out)
    assert run("good.csv", "--checks", "suggested.yaml").code == 0
    assert run("good.csv").code == 0


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("away.csv",), "away.csv is not there; give a file's path.\n"),
        ((".",), ". is no file; give a file's path.\n"),
        (("good.csv", "--checks", "away.yaml"), "away.yaml is not there; give a file's path.\n"),
        (("good.csv", "--checks", "good.csv"), "good.csv, line 1: this is no list of checks; list them under 'checks:'.\n"),
        (("good.csv", "--checks", "latin.yaml"), "latin.yaml is no text in UTF-8; save it as one.\n"),
        (("good.csv", "--checks", "checks.yaml", "--suggest"), "--suggest prints checks and --checks runs them; give one of the two.\n"),
        (("good.csv", "--format", "xlsx"), "--format is one of csv, parquet, jsonl, not 'xlsx'.\n"),
        (("empty.csv",), "empty.csv"),
        (("good.csv", "--checks", "checks.yaml", "--junit", "good.csv/j.xml"), "good.csv/j.xml cannot be written: "),
    ],
)  # fmt: skip
def test_what_cannot_be_used_ends_with_two_and_a_sentence(
    folder: Path, run: Run, arguments: tuple[str, ...], told: str
) -> None:
    (folder / "empty.csv").write_text("")
    (folder / "latin.yaml").write_bytes(b"checks: [{kind: not_null, column: \xe4}]")
    ended = run(*arguments)
    assert ended.code == 2
    assert ended.err.startswith(told)
    assert "Traceback" not in ended.err


def test_checks_of_another_tool_are_printed_to_be_kept(folder: Path, run: Run) -> None:
    expectations = [
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
        {"type": "expect_column_median_to_be_between", "kwargs": {"column": "hour", "max_value": 3}},
    ]
    (folder / "suite.json").write_text(json.dumps({"name": "s", "expectations": expectations}))
    ended = run("checks", "convert", "suite.json")
    assert (ended.code, ended.err) == (0, "")
    first, second, *rest = ended.out.splitlines()
    assert first == "# From suite.json, written for Great Expectations: 1 checks"
    assert second.startswith("# left out: expect_column_median_to_be_between (hour). Nothing here asks the same")
    assert rest == ["checks:", "  - kind: unique", "    columns: [id]"]
    (folder / "converted.yaml").write_text(ended.out)
    assert run("good.csv", "--checks", "converted.yaml").code == 0
    refused = run("checks", "convert", "checks.yaml")
    assert (refused.code, refused.err) == (
        2,
        "checks.yaml is neither a suite of Great Expectations nor a data contract of Soda or the open standard (ODCS).\n",
    )
