"""`lyceum.check`: frames of any library, and checks from YAML, with no hub."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import lyceum
from lyceum.data.quality.engine.public import InvalidCheck

FRAME = pl.DataFrame({"id": [1, 2, 2], "hour": [0, 23, 24]})
TEXT = "checks:\n  id: [not_null, unique]\n  hour: {range: [0, 23]}\n"


@pytest.mark.parametrize(
    "frame", [FRAME, FRAME.lazy(), FRAME.to_pandas(), FRAME.to_arrow()], ids=lambda f: type(f).__module__
)
def test_checks_are_read_from_a_text_and_from_a_file_for_any_frame(frame: Any, tmp_path: Path) -> None:
    path = tmp_path / "checks.yaml"
    path.write_text(TEXT, encoding="utf-8")
    for checks in (TEXT, path, str(path)):
        report = lyceum.check(frame, checks)
        assert not report.passed
        assert [(each.check.id, each.status, each.failing) for each in report.results] == [
            ("id.not_null", "passed", 0),
            ("id.unique", "failed", 1),
            ("hour.range", "failed", 1),
        ]
        assert repr(report).splitlines()[0] == "3 checks on 3 rows: 1 passed, 2 failed, 0 could not be run"
        assert report.results[2].sample[0].values["hour"] == 24


def test_a_text_of_one_line_and_json_are_checks_as_well() -> None:
    assert lyceum.check(FRAME, "checks: {id: not_null}").passed
    assert not lyceum.check(FRAME, json.dumps([{"kind": "unique", "columns": ["id"]}])).passed


def test_what_is_wrong_with_checks_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidCheck, match=r"the checks, line 2: .*'rnage'; did you mean 'range'"):
        lyceum.check(FRAME, "checks:\n  - {kind: rnage, column: hour}\n")
    with pytest.raises(FileNotFoundError, match=r"There is no file chekcs\.yaml"):
        lyceum.check(FRAME, "chekcs.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"checks:\n  \xe9t\xe9: not_null\n")
    with pytest.raises(InvalidCheck, match="no text in UTF-8"):
        lyceum.check(FRAME, tmp_path / "latin.yaml")


def test_the_package_loads_nothing_heavy_before_it_is_used() -> None:
    heavy = ("polars", "numpy", "pandas", "pyarrow", "duckdb", "sqlalchemy", "fastapi", "sklearn", "yaml")
    program = f"import sys, lyceum; print([name for name in {heavy!r} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()
        == "[]"
    )
    program = (
        "import sys, lyceum; lyceum.check;"
        " print([name for name in ('duckdb', 'pandas', 'sqlalchemy', 'fastapi', 'sklearn', 'scipy') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()
        == "[]"
    )
