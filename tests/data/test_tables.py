"""Delta tables on a folder and on a real S3 server: staged, checked, committed once, or rejected."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import obstore
import polars as pl
import pytest
from deltalake import DeltaTable

from fixtures.s3 import S3Place
from fixtures.tables import operations_of
from lyceum.data.datasets import tables
from lyceum.data.datasets.table_store import StagedData, TableStore
from lyceum.data.datasets.tables import (
    TableChanged,
    commit,
    discard_staged,
    newest_version,
    orphaned_staging,
    remove_orphans,
    scan_staged,
    scan_version,
    stage,
)
from lyceum.data.quality.engine.public import NotNull, run_checks

WAIT_SECONDS_MAX = 60
DEEP_IN_A_BUCKET = ("store", ["folder", pytest.param("s3", marks=pytest.mark.deep)])


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TableStore:
    if request.param == "folder":
        return TableStore(str(tmp_path / "tables with a space"))
    place: S3Place = request.getfixturevalue("s3_place")
    return TableStore(place.url, place.options)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    folder = tmp_path / "parts"
    folder.mkdir()
    return folder


def put(store: TableStore, parts: Path, operation: str, *frames: pl.DataFrame) -> StagedData:
    files = []
    for place, frame in enumerate(frames):
        path = parts / f"{operation}-{place}.parquet"
        frame.write_parquet(path)
        files.append(path)
    return stage(store, operation, files)


def numbers(*values: int | None) -> pl.DataFrame:
    return pl.DataFrame({"n": values}, schema={"n": pl.Int64})


def test_staged_data_is_checked_and_becomes_a_version_in_row_order(store: TableStore, parts: Path) -> None:
    data = put(store, parts, "op-1", numbers(3, 1), numbers(2), numbers(5, 4))
    assert [file.rows for file in data.files] == [2, 1, 2]
    assert newest_version(store, "flights") is None

    report = run_checks(scan_staged(store, data), [NotNull(column="n")])
    assert report.passed
    version = commit(store, "flights", data, base=None)
    discard_staged(store, "op-1")

    assert scan_version(store, "flights", version).collect()["n"].to_list() == [3, 1, 2, 5, 4]
    assert newest_version(store, "flights") == version
    assert operations_of(store, "flights") == [(version, "op-1")]


def test_rejected_data_leaves_no_trace(store: TableStore, parts: Path) -> None:
    data = put(store, parts, "op-1", numbers(1, None))
    report = run_checks(scan_staged(store, data), [NotNull(column="n")])
    assert not report.passed
    discard_staged(store, "op-1")

    assert newest_version(store, "flights") is None
    assert [meta for batch in store.objects.list() for meta in batch] == []


def test_a_version_replaces_the_one_before_which_stays_readable(store: TableStore, parts: Path) -> None:
    first = commit(store, "t", put(store, parts, "a", numbers(1, 2)), base=None)
    second = commit(store, "t", put(store, parts, "b", numbers(3), numbers(4)), base=first)
    held = [scan_version(store, "t", version).collect()["n"].to_list() for version in (first, second)]
    assert held == [[1, 2], [3, 4]]


def test_a_version_may_bring_other_columns_and_naive_times(store: TableStore, parts: Path) -> None:
    first = commit(store, "t", put(store, parts, "a", numbers(1)), base=None)
    times = pl.DataFrame({"a name (of sorts)": ["x"], "at": pl.Series([0]).cast(pl.Datetime("us"))})
    second = commit(store, "t", put(store, parts, "b", times), base=first)
    assert scan_version(store, "t", second).collect().equals(times)
    assert scan_version(store, "t", first).collect().equals(numbers(1))


def test_committing_an_operation_again_returns_its_version_and_commits_nothing(store: TableStore, parts: Path) -> None:
    data = put(store, parts, "a", numbers(1))
    first = commit(store, "t", data, base=None)
    second = commit(store, "t", put(store, parts, "b", numbers(2)), base=first)
    assert commit(store, "t", data, base=None) == first
    assert commit(store, "t", data, base=second) == first
    assert newest_version(store, "t") == second


def test_a_stale_writer_is_refused_and_leaves_no_file(store: TableStore, parts: Path) -> None:
    base = commit(store, "t", put(store, parts, "a", numbers(1)), base=None)
    late = put(store, parts, "late", numbers(2))
    newest = commit(store, "t", put(store, parts, "b", numbers(3)), base=base)
    with pytest.raises(TableChanged, match=f"it was at version {base} and is at version {newest}") as refused:
        commit(store, "t", late, base=base)
    assert refused.value.version == newest
    assert not [meta for batch in store.objects.list("t/") for meta in batch if "late" in meta["path"]]


def test_many_writers_of_one_base_have_one_winner(store: TableStore, parts: Path) -> None:
    base = commit(store, "t", put(store, parts, "first", numbers(0)), base=None)
    waiting = [put(store, parts, f"w{place}", numbers(place)) for place in range(6)]

    def write(data: StagedData) -> int | None:
        try:
            return commit(store, "t", data, base=base)
        except TableChanged:
            return None

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(write, waiting))
    winners = [place for place, version in enumerate(outcomes) if version is not None]
    assert len(winners) == 1
    assert scan_version(store, "t", base + 1).collect()["n"].to_list() == winners
    assert newest_version(store, "t") == base + 1
    assert operations_of(store, "t", after=base) == [(base + 1, f"w{winners[0]}")]


def test_writers_that_make_a_table_at_once_make_it_once(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    create, together = DeltaTable.create, Barrier(4)
    monkeypatch.setattr(DeltaTable, "create", lambda *args, **more: together.wait() >= 0 and create(*args, **more))
    with ThreadPoolExecutor(4) as pool:
        for name in ("t", "u", "v"):
            made = pool.map(tables._open_or_create, [store] * 4, [name] * 4)
            assert [table.version() for table in made] == [0] * 4
            assert newest_version(store, name) is None


WRITER = """
import json, sys
from pathlib import Path
import polars as pl
from lyceum.data.datasets.tables import *

where = json.loads(sys.argv[1])
store = TableStore(where["url"], where["options"])
parts, name, count = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
refused = 0
for number in range(count):
    path = parts / f"{name}-{number}.parquet"
    pl.DataFrame({"writer": [name], "number": [number]}).write_parquet(path)
    data = stage(store, f"{name}-{number}", [path])
    while True:
        base = newest_version(store, "t")
        try:
            commit(store, "t", data, base=base)
            break
        except TableChanged:
            refused += 1
    discard_staged(store, data.operation_id)
print(refused)
"""


def where(store: TableStore) -> str:
    return json.dumps({"url": store.url, "options": dict(store.options)})


@pytest.mark.parametrize(*DEEP_IN_A_BUCKET, indirect=True)
def test_two_processes_commit_at_once_and_each_version_is_one_of_theirs(store: TableStore, parts: Path) -> None:
    command = [sys.executable, "-c", WRITER, where(store), str(parts)]
    writers = [
        subprocess.Popen([*command, name, "12"], stdout=subprocess.PIPE, text=True) for name in ("left", "right")
    ]
    outputs = [writer.communicate(timeout=WAIT_SECONDS_MAX)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert all(output.strip().isdigit() for output in outputs)

    committed = operations_of(store, "t")
    assert [version for version, _ in committed] == list(range(1, 25))
    assert sorted(operation for _, operation in committed) == sorted(
        f"{name}-{number}" for name in ("left", "right") for number in range(12)
    )
    for version, operation in committed:
        writer, number = scan_version(store, "t", version).collect().row(0)
        assert operation == f"{writer}-{number}"
    wait_for_a_later_second()
    assert remove_orphans(store, "t", older_than=timedelta(0)) == ()


KILLED = """
import json, sys, time
from pathlib import Path
from lyceum.data.datasets import tables

where = json.loads(sys.argv[1])
store = tables.TableStore(where["url"], where["options"])
data = tables.stage(store, "op-2", [Path(sys.argv[5])])
if sys.argv[2] == "before the commit":
    copy_in = tables._copy_in
    def stop_after_copy(*args):
        copied = copy_in(*args)
        print("ready", flush=True)
        time.sleep(600)
    tables._copy_in = stop_after_copy
version = tables.commit(store, "t", data, base=int(sys.argv[3]))
print("ready", flush=True)
time.sleep(600)
Path(sys.argv[4]).write_text(str(version))
"""


def killed_writer(store: TableStore, when: str, base: int, row: Path, part: Path) -> None:
    command = [sys.executable, "-c", KILLED, where(store), when, str(base), str(row), str(part)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    writer.send_signal(signal.SIGKILL)
    assert writer.wait(WAIT_SECONDS_MAX) == -signal.SIGKILL
    writer.stdout.close()


@pytest.mark.parametrize(*DEEP_IN_A_BUCKET, indirect=True)
def test_a_kill_between_the_delta_commit_and_the_row_is_healed(store: TableStore, parts: Path, tmp_path: Path) -> None:
    first = commit(store, "t", put(store, parts, "op-1", numbers(1)), base=None)
    numbers(2).write_parquet(parts / "two.parquet")
    killed_writer(store, "after the commit", first, tmp_path / "row", parts / "two.parquet")
    assert not (tmp_path / "row").exists()

    # a reader sees the accepted version, although the table has a newer one
    assert scan_version(store, "t", first).collect()["n"].to_list() == [1]
    assert operations_of(store, "t", after=first) == [(first + 1, "op-2")]
    # another writer does not commit on the version that it does not know
    other = put(store, parts, "op-3", numbers(3))
    with pytest.raises(TableChanged):
        commit(store, "t", other, base=first)

    again = put(store, parts, "op-2", numbers(2))
    assert commit(store, "t", again, base=newest_version(store, "t")) == first + 1
    third = commit(store, "t", other, base=first + 1)
    assert operations_of(store, "t") == [(first, "op-1"), (first + 1, "op-2"), (third, "op-3")]
    assert scan_version(store, "t", first + 1).collect()["n"].to_list() == [2]
    wait_for_a_later_second()
    assert remove_orphans(store, "t", older_than=timedelta(0)) == ()


def test_a_kill_before_the_delta_commit_leaves_files_that_are_found(
    store: TableStore, parts: Path, tmp_path: Path
) -> None:
    base = commit(store, "t", put(store, parts, "op-1", numbers(1)), base=None)
    numbers(2).write_parquet(parts / "two.parquet")
    killed_writer(store, "before the commit", base, tmp_path / "row", parts / "two.parquet")

    assert newest_version(store, "t") == base
    assert remove_orphans(store, "t", older_than=timedelta(hours=1)) == ()
    # the same operation in another attempt, whose files are not those of the killed one
    again = commit(store, "t", put(store, parts, "op-2", numbers(2)), base=base)
    wait_for_a_later_second()
    (removed,) = remove_orphans(store, "t", older_than=timedelta(0))
    assert removed.path.startswith(f"t/v{base + 1:010}_op-2_")
    assert scan_version(store, "t", again).collect()["n"].to_list() == [2]


@pytest.mark.parametrize("copied_before", [0, 1, 2])
def test_an_attempt_that_comes_late_takes_nothing_from_the_one_that_committed(
    store: TableStore, parts: Path, monkeypatch: pytest.MonkeyPatch, copied_before: int
) -> None:
    data = put(store, parts, "op-1", numbers(1), numbers(2), numbers(3))
    copy, copied = obstore.copy, 0

    def overtaken(*args: Any, **more: Any) -> None:
        nonlocal copied
        if copied == copied_before:
            monkeypatch.setattr(obstore, "copy", copy)
            assert commit(store, "t", data, base=None) == 1
            discard_staged(store, "op-1")
        copied += 1
        copy(*args, **more)

    monkeypatch.setattr(obstore, "copy", overtaken)
    assert commit(store, "t", data, base=None) == 1
    assert copied == copied_before + 1, "the late attempt found its staged files gone"
    assert scan_version(store, "t", 1).collect()["n"].to_list() == [1, 2, 3]
    files = [meta["path"] for batch in store.objects.list("t/") for meta in batch if "op-1" in meta["path"]]
    assert len(files) == 3


FULL_AT_THE_CHECKPOINT = """
import json, resource, signal, sys
from pathlib import Path
from lyceum.data.datasets.table_store import TableStore
from lyceum.data.datasets.tables import commit, stage

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
where = json.loads(sys.argv[1])
store = TableStore(where["url"], where["options"])
data = stage(store, "full", [Path(sys.argv[3])])
# a log entry is far smaller than this and a checkpoint larger
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
print(commit(store, "t", data, base=int(sys.argv[2])))
"""


def test_a_disk_that_is_full_when_the_log_is_summed_up_costs_no_committed_row(tmp_path: Path, parts: Path) -> None:
    store = TableStore(str(tmp_path / "tables"))
    version: int | None = None
    for number in range(18):
        version = commit(store, "t", put(store, parts, f"op-{number}", numbers(number)), base=version)
    numbers(18).write_parquet(parts / "full.parquet")
    command = [sys.executable, "-c", FULL_AT_THE_CHECKPOINT, where(store), "18", str(parts / "full.parquet")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS_MAX)
    assert run.stdout == "19\n", run.stderr
    assert not list((tmp_path / "tables" / "t" / "_delta_log").glob("*.checkpoint.parquet")), "there was room for it"
    assert scan_version(store, "t", 19).collect()["n"].to_list() == [18]
    assert commit(store, "t", put(store, parts, "op-20", numbers(20)), base=19) == 20


def test_looking_for_orphans_reads_the_log_once_however_many_files_there_are(
    tmp_path: Path, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, version = TableStore(str(tmp_path / "tables")), None
    for number in range(8):
        version = commit(store, "t", put(store, parts, f"op-{number}", numbers(1), numbers(2)), base=version)
    readings = 0

    def counted(name: str) -> None:
        whole = getattr(DeltaTable, name)

        def reading(*args: Any, **more: Any) -> Any:
            nonlocal readings
            readings += 1
            return whole(*args, **more)

        monkeypatch.setattr(DeltaTable, name, reading)

    counted("history")
    counted("transaction_version")
    assert remove_orphans(store, "t", older_than=timedelta(seconds=-5)) == ()
    assert readings == 1


def wait_for_a_later_second() -> None:
    """S3 keeps times by the second, so what was written in this one is not yet older than now."""
    begun = int(time.time())
    while int(time.time()) <= begun + 1:
        time.sleep(0.05)


def test_forgotten_staging_is_listed_by_operation(store: TableStore, parts: Path) -> None:
    first = put(store, parts, "op-1", numbers(1), numbers(2))
    put(store, parts, "op-2", numbers(3))
    assert orphaned_staging(store, older_than=timedelta(hours=1)) == ()
    wait_for_a_later_second()
    found = {orphan.path: orphan for orphan in orphaned_staging(store, older_than=timedelta(0))}
    assert found.keys() == {"op-1", "op-2"}
    assert found["op-1"].size == sum(file.size for file in first.files)


def test_the_table_is_plain_delta_for_other_readers(store: TableStore, parts: Path) -> None:
    version = commit(store, "t", put(store, parts, "a", numbers(1, 2)), base=None)
    commit(store, "t", put(store, parts, "b", numbers(3)), base=version)
    table = DeltaTable(store.uri("t"), storage_options=dict(store.options))
    assert table.to_pyarrow_table().column("n").to_pylist() == [3]
    assert table.count() == 1
    assert [entry["operation_id"] for entry in table.history(2)] == ["b", "a"]


def test_many_versions_pass_a_checkpoint_and_all_stay_readable(tmp_path: Path, parts: Path) -> None:
    store = TableStore(str(tmp_path / "tables"))
    version: int | None = None
    for number in range(25):
        version = commit(store, "t", put(store, parts, f"op-{number}", numbers(number)), base=version)
    assert list((tmp_path / "tables" / "t" / "_delta_log").glob("*.checkpoint.parquet")), "no checkpoint was written"
    assert commit(store, "t", put(store, parts, "op-0", numbers(0)), base=version) == 1
    assert scan_version(store, "t", 1).collect()["n"].to_list() == [0]
    assert scan_version(store, "t", 25).collect()["n"].to_list() == [24]


@pytest.mark.parametrize("operation", ["", "../x", "a/b", "a_b", "x" * 65])
def test_an_operation_id_that_makes_no_file_name_is_refused(tmp_path: Path, parts: Path, operation: str) -> None:
    numbers(1).write_parquet(parts / "a.parquet")
    with pytest.raises(ValueError, match="an operation id is made of letters"):
        stage(TableStore(str(tmp_path)), operation, [parts / "a.parquet"])
