"""`lyceum checks pull` and `push`: a dataset's checks as a file, from a real hub and back."""

import sys
from pathlib import Path

import pytest

from fixtures.app import served, settings_for
from fixtures.servers import TestDatabase
from lyceum.cli import main
from make.accounts import Member
from make.data import make_check, make_dataset, make_version


def test_checks_are_pulled_edited_and_pushed(
    database: TestDatabase,
    member: Member,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_version(database, member, dataset_id)
    make_check(database, member, dataset_id)
    file = tmp_path / "checks.yaml"

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lyceum", "checks", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    with served("lyceum.web", settings_for(database, tmp_path / "hub")) as api:
        monkeypatch.setenv("LYCEUM_URL", api.url)
        monkeypatch.setenv("LYCEUM_API_KEY", member.key)
        assert run("pull", address, str(file))[0] == 0
        assert "kind: not_null" in file.read_text()
        file.write_text("checks:\n  a: [unique]\n")
        code, out, _ = run("push", address, str(file), "--dry-run")
        assert (code, out.splitlines()) == (
            0,
            ["+ a.unique", "- a.not_null", f"{address} would change: 1 added, 0 changed, 1 dropped, 0 as they were"],
        )
        assert "not_null" in run("pull", address, "-")[1]
        assert run("push", address, str(file))[1].endswith("changed: 1 added, 0 changed, 1 dropped, 0 as they were\n")
        assert "unique" in run("pull", address, "-")[1]
        file.write_text("checks:\n  b: [unique]\n")
        code, _, err = run("push", address, str(file))
        assert (code, "'b'" in err) == (2, True)
