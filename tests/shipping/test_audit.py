"""The audit of dependencies: an advisory fails it, and silence is never taken for good news."""

import json
import subprocess
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import audit
import pytest


def saying(answer: Any, *, code: int = 0, error: str = "") -> audit.Run:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return lambda command: subprocess.CompletedProcess(command, code, text, error)


KNOWN = {"name": "idna", "version": "1.0", "vulns": [{"id": "GHSA-1"}]}
FINE = {"name": "redis", "version": "8.1", "vulns": []}
UNKNOWN = {"name": "numpy", "version": "2.2", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def test_an_advisory_fails_the_audit_until_it_is_excused(capsys: pytest.CaptureFixture[str]) -> None:
    found = audit.ask_about_python(Path("hub.txt"), run=saying({"dependencies": [KNOWN, FINE]}, code=1))
    assert found.advisories == [("idna", "1.0", "GHSA-1")]
    assert audit.report([found], set()) == (True, True)
    assert audit.report([found], {"GHSA-1"}) == (False, True)
    assert "idna 1.0 has GHSA-1 (excused)" in capsys.readouterr().out


def test_packages_that_could_not_be_asked_about_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = audit.ask_about_python(Path("hub.txt"), run=saying({"dependencies": [UNKNOWN, FINE]}))
    assert audit.report([found], set()) == (False, False)
    told = capsys.readouterr()
    assert "NOT KNOWN" in told.err
    assert "1 of 2 packages" in told.err
    assert "asked about 1 packages" in told.out


def test_a_service_that_cannot_be_reached_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = audit.ask_about_python(Path("hub.txt"), run=saying("", code=1, error="Traceback\nConnectionError: away"))
    assert audit.report([found], set()) == (False, False)
    told = capsys.readouterr()
    assert "ConnectionError: away" in told.err
    assert "asked about" not in told.out


def test_the_web_app_is_asked_about_once_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit.ask_about_web(tmp_path) is None
    (tmp_path / "package-lock.json").write_text("{}")
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/npm")
    answer = {
        "metadata": {"dependencies": {"total": 12}},
        "vulnerabilities": {
            "vite": {"range": "<9", "via": [{"url": "https://github.com/advisories/GHSA-2"}, "esbuild"]}
        },
    }
    found = audit.ask_about_web(tmp_path, run=saying(answer, code=1))
    assert found is not None
    assert found.asked == 12
    assert [advisory for _, _, advisory in found.advisories] == ["https://github.com/advisories/GHSA-2"]
    away = audit.ask_about_web(tmp_path, run=saying({"error": {"code": "ENOTFOUND"}}, code=1))
    assert away is not None
    assert away.not_asked
    monkeypatch.setattr("shutil.which", lambda _name: None)
    without = audit.ask_about_web(tmp_path)
    assert without is not None
    assert without.not_asked == "npm is not installed"


def test_an_excuse_needs_a_reason_and_ends(tmp_path: Path) -> None:
    file = tmp_path / "exceptions.toml"
    file.write_text('[[advisory]]\nid = "GHSA-1"\nreason = "Not called."\nlook_again = 2027-01-01\n')
    assert audit.excused(date(2026, 12, 31), file=file) == {"GHSA-1"}
    assert audit.excused(date(2027, 1, 2), file=file) == set()
    file.write_text('[[advisory]]\nid = "GHSA-1"\n')
    with pytest.raises(SystemExit, match="needs a reason"):
        audit.excused(date(2026, 12, 31), file=file)


def test_our_own_exceptions_have_a_reason_and_none_is_over() -> None:
    """One that is over is looked at again: it goes, or gets another day."""
    written = tomllib.loads(audit.EXCEPTIONS.read_text(encoding="utf-8")).get("advisory", [])
    assert audit.excused(datetime.now(UTC).date()) == {one["id"] for one in written}
