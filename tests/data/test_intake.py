"""Taking in an upload where there is too little room, and what a killed process leaves of its work."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import obstore
import polars as pl
import pytest

from fixtures.app import ServedProcess, settings_for
from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from lyceum.data.datasets.workplaces import sweep_workplaces, workplace
from lyceum.kernel.config import load_settings
from lyceum.kernel.storage import open_storage

TAKE_IN = """
import resource, signal, sys, threading
from lyceum.data.datasets import intake
from lyceum.data.datasets.work import Intake
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.problems import NoSpace

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
whole = getattr(intake, sys.argv[1])

def short_of_room(*args, **more):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        return whole(*args, **more)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

def work(operation_id):
    return Intake(
        upload_key="uploads/u", file_name="orders.csv", format=None, table_key="tables/t", operation_id=operation_id,
        leftovers_older_than_seconds=60,
    )

side = ChildSide(lambda event: None, threading.Event())
intake.take_in(work("op-1"), side)
setattr(intake, sys.argv[1], short_of_room)
try:
    intake.take_in(work("op-2"), side)
except NoSpace as full:
    print(full.status, full.code, full)
setattr(intake, sys.argv[1], whole)
left = sorted(path.name.split("_")[:2] for path in (intake.settings().home / "files" / "tables" / "t").glob("*.parquet"))
print(left)
print(intake.take_in(work("op-2"), side).delta_version)
"""


@pytest.mark.parametrize(
    "step,bytes_max",
    [
        ("stage_table", 4096),
        pytest.param("stage", 4096, marks=pytest.mark.deep),
        pytest.param("commit", 100, marks=pytest.mark.deep),
    ],
)
def test_a_full_disk_is_one_sentence_leaves_nothing_and_the_next_attempt_is_taken(
    tmp_path: Path, step: str, bytes_max: int
) -> None:
    upload = tmp_path / "files" / "uploads" / "u"
    upload.parent.mkdir(parents=True)
    pl.DataFrame({"a": range(30_000)}).with_columns(b=pl.col("a") * 7919 % 1_000_003).write_csv(upload)
    environment = {**os.environ, "LYCEUM_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", TAKE_IN, step, str(bytes_max)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.stdout.splitlines() == [
        "507 disk_full orders.csv could not be staged because the disk is full; free some space and upload it again.",
        "[['v0000000001', 'op-1']]",
        "2",
    ], run.stderr
    left = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {("files", "uploads"), ("files", "tables")}


IN_AN_OBJECT_STORE = """
import threading
from lyceum.data.datasets import intake
from lyceum.data.datasets.work import Intake
from lyceum.kernel.jobs.child import ChildSide

whole, home = intake.stage_table, intake.settings().home

def shown(source, **more):
    print(source.relative_to(home).parts[0])
    return whole(source, **more)

intake.stage_table = shown
work = Intake(
    upload_key="uploads/u", file_name="orders.csv", format=None, table_key="tables/t", operation_id="op-1",
    leftovers_older_than_seconds=60,
)
print(intake.take_in(work, ChildSide(lambda event: None, threading.Event())).row_count)
print(list((home / "reading").iterdir()))
"""


async def test_an_upload_in_an_object_store_is_brought_to_the_disk_made_for_the_hubs_data(
    tmp_path: Path, s3_place: S3Place
) -> None:
    options = {"storage_url": s3_place.url, "storage_options": s3_place.options}
    await obstore.put_async(
        open_storage(load_settings(home=tmp_path, **options)).store, "uploads/u", b"a,b\n1,2\n3,4\n"
    )
    environment = {
        **os.environ,
        "LYCEUM_HOME": str(tmp_path),
        "LYCEUM_STORAGE_URL": s3_place.url,
        "LYCEUM_STORAGE_OPTIONS": json.dumps(s3_place.options),
    }
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", IN_AN_OBJECT_STORE],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.stdout.splitlines() == ["reading", "2", "[]"], run.stderr


def test_a_workplace_lies_below_the_hubs_home_and_is_gone_afterwards(tmp_path: Path) -> None:
    with workplace(tmp_path) as work:
        assert tmp_path in work.parents
        (work / "part").write_text("x")
    assert not work.exists()


def test_what_a_killed_process_leaves_is_swept_and_what_is_written_to_stays(tmp_path: Path) -> None:
    with workplace(tmp_path) as running, workplace(tmp_path) as killed:
        long_ago = time.time() - 7200
        for work in (running, killed):
            (work / "parts").mkdir()
            (work / "parts" / "part").write_text("x")
            for path in (work / "parts" / "part", work / "parts", work):
                os.utime(path, (long_ago, long_ago))
        (running / "parts" / "part").write_text("xy")
        assert sweep_workplaces(tmp_path, older_than_seconds=3600) == 1
        assert running.exists()
        assert not killed.exists()
    assert sweep_workplaces(tmp_path / "nowhere", older_than_seconds=0) == 0


@pytest.mark.deep
def test_each_worker_sweeps_its_own_machine_when_it_starts(
    fresh_database: TestDatabase, tmp_path: Path, serve: Callable[..., ServedProcess]
) -> None:
    settings = settings_for(fresh_database, tmp_path, worker_heavy_slots=0)
    with workplace(settings.home) as left:
        long_ago = time.time() - 2 * settings.upload_ttl_seconds
        os.utime(left, (long_ago, long_ago))
        served = serve("lyceum.worker", settings)
        assert not left.exists()
        served.end(signal.SIGTERM)
