"""Tables as they come: what cannot be used gets one sentence that says what, where and what to do, and leaves nothing."""

import io
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures.app import ServedProcess, rows_of
from fixtures.hubs import ORDINARY_UID, command_as, short_folder, wait_until
from fixtures.staffed import StaffedHub
from lyceum_client import Client
from make.accounts import Member
from make.walkthrough import learnable

LINES = learnable(100).select("age", "city", "bought").write_csv(include_header=False).splitlines()
HEADER = "age,city,bought"
OBJECTS = [json.dumps(row) for row in learnable(100).iter_rows(named=True)]


def csv(*more: str, header: str = HEADER, lines: list[str] = LINES) -> bytes:
    """Return the header, the lines and more lines as a file; the first line that is more is line 102."""
    return ("\n".join([header, *lines, *more]) + "\n").encode()


def with_target(target: Callable[[int], object]) -> bytes:
    return csv(lines=[f"{line.rpartition(',')[0]},{target(place)}" for place, line in enumerate(LINES)])


def parquet() -> bytes:
    written = io.BytesIO()
    learnable().write_parquet(written)
    return written.getvalue()


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "empty.csv is empty; give a file with a header and rows."),
    "blank.csv": (b"\n\n\n", "blank.csv holds only blank lines; upload a file with a header and rows."),
    "header.csv": (csv(lines=[]), "header.csv has column names and no rows; upload a file with rows."),
    "one-row.csv": (
        csv(lines=LINES[:1]),
        "one-row.csv: only 1 row has a value in the target 'bought'; give at least 20 such rows.",
    ),
    "no-header.csv": (
        csv(header="52,Graz,yes"),
        (
            "no-header.csv has no column 'bought' to predict; line 1 names 52, Graz, yes: choose one of these, or put a "
            "line with the column names before it if that is data."
        ),
    ),
    "no-header-numbers.csv": (
        b"1,2.5\n" * 50,
        "no-header-numbers.csv has no header: line 1 holds values ('1', '2.5'); put a line with the column names first",
    ),
    "ragged.csv": (
        csv("1,Graz", "1,Graz,yes,no"),
        (
            "ragged.csv, line 102 has 2 fields where the header has 3, and line 103 does not fit either; put texts that "
            "hold the delimiter in quotes, or complete the rows."
        ),
    ),
    "tildes.csv": (
        csv().replace(b",", b"~"),
        "tildes.csv has one column when split at the usual delimiters and 3 when split at '~'; name the delimiter '~'",
    ),
    "slashes.csv": (
        csv().replace(b",", b"/"),
        (
            "slashes.csv has no column 'bought' to predict; its only column is age/city/bought: name what separates the "
            "fields with --delimiter if there are more."
        ),
    ),
    "nul.csv": (
        csv("1,\0,yes"),
        "nul.csv, line 102 holds a NUL byte, so it is not a text file or it is damaged; export the table again.",
    ),
    "mixed-encodings.csv": (
        csv("1,Köln,yes") + b"1,K\xf6ln,yes\n",
        "mixed-encodings.csv, line 103 holds bytes that are not UTF-8, as the rest of the file is; save the file in",
    ),
    "twice.csv": (
        csv(header="age,age,bought"),
        "twice.csv gives columns 1 and 2 the same name, 'age'; rename all but one.",
    ),
    "nameless.csv": (
        csv(header="age,,bought"),
        "nameless.csv has no name for column 2; give every column a name in the first line.",
    ),
    "large-cell.csv": (
        csv("1," + "x" * 10_000_000 + ",yes"),
        (
            "large-cell.csv, line 102, column 'city' holds 4.2 MB or more in one cell and at most 1.0 MB are read; shorten "
            "it or leave the column out."
        ),
    ),
    "other.csv": (csv(header="age,city,bouht"), "other.csv has no column 'bought' to predict; did you mean 'bouht'?"),
    "constant.csv": (
        with_target(lambda _: "x"),
        "constant.csv: the target 'bought' is 'x' in every row; choose a column with at least two different values.",
    ),
    "constant-or-missing.csv": (
        with_target(lambda place: "x" if place % 2 else ""),
        "constant-or-missing.csv: the target 'bought' is 'x' in every row that has a value; choose a column with",
    ),
    "missing.csv": (
        with_target(lambda _: ""),
        "missing.csv: every value of the target 'bought' is missing; choose another column as the target.",
    ),
    "unique.csv": (
        with_target(lambda place: f"order {place}"),
        "unique.csv: the target 'bought' holds a different text in every row; choose a column whose values repeat, or",
    ),
    "mixed.csv": (
        with_target(lambda place: place / 7 if place != 60 else "abc"),
        "mixed.csv: the target 'bought' mixes 99 different numbers with texts such as 'abc'; empty those cells, or",
    ),
    "one-column.csv": (
        csv(header="bought", lines=[line.rpartition(",")[2] for line in LINES]),
        "one-column.csv: the table has no column beside the target 'bought'; add columns to learn from.",
    ),
    "cut.parquet": (parquet()[:-200], "cut.parquet is a Parquet file that is damaged or cut short"),
    "cut-early.parquet": (parquet()[:200], "cut-early.parquet is a Parquet file that is damaged or cut short"),
    "broken.jsonl": (
        "\n".join([*OBJECTS[:40], '{"age": 3, "city": ', *OBJECTS]).encode(),
        "broken.jsonl, line 41 is not valid JSON (Input data was truncated); write one object on each line.",
    ),
    "document.json": (
        f"[{','.join(OBJECTS)}]".encode(),
        "document.json, line 1 starts one JSON document; write one object on each line instead.",
    ),
    "zip.csv": (b"PK\x03\x04" + random.Random(1).randbytes(3000), "zip.csv is a zip archive; unpack it first."),
}
QUICK = {"empty.csv", "no-header.csv", "ragged.csv", "large-cell.csv", "one-row.csv", "broken.jsonl", "constant.csv"}


@pytest.mark.parametrize(
    "file", [pytest.param(file, marks=() if file in QUICK else (pytest.mark.deep,)) for file in REFUSED]
)
def test_what_cannot_be_used_is_refused_in_one_sentence_and_leaves_nothing(
    try_here: Any, hub: Client, tmp_path: Path, file: str
) -> None:
    content, sentence = REFUSED[file]
    (tmp_path / file).write_bytes(content)
    ended = try_here(file, "--target", "bought", "--time-limit", "1s", "--exit", "--json")
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert ended.err.splitlines()[-1].startswith(sentence)
    assert ended.err.endswith((".\n", "?\n"))
    assert list(hub.datasets.list()) == []
    assert list(hub.models.list()) == []
    assert [path.name for path in tmp_path.iterdir()] == [file]


TAKEN: dict[str, tuple[bytes, str]] = {
    "marked.csv": ("\ufeff".encode() + csv(), "100 rows, 3 columns"),
    "latin-1.csv": (csv(header="age,Größe,bought").decode().encode("latin-1"), "read as Latin-1 (Windows-1252)"),
    "semicolons.csv": (csv().replace(b",", b";"), "split at ';'"),
    "good.jsonl": ("\n".join(OBJECTS).encode(), "100 rows, 4 columns"),
    "none-and-na.csv": (
        csv().replace(b"Graz", b"None").replace(b"yes", b"NA").replace(b"no\n", b"None\n"),
        "nothing is missing",
    ),
}


@pytest.mark.parametrize(
    "file", [pytest.param(file, marks=() if file == "none-and-na.csv" else (pytest.mark.deep,)) for file in TAKEN]
)
def test_what_can_be_understood_is_taken(try_here: Any, tmp_path: Path, file: str) -> None:
    content, told = TAKEN[file]
    (tmp_path / file).write_bytes(content)
    ended = try_here(file, "--target", "bought", "--time-limit", "1s", "--exit")
    assert ended.code == 0, ended.err
    assert told in ended.out


@pytest.mark.parametrize(
    "content, target, options, told",
    [
        (csv().replace(b",", b"~"), "bought", ["--delimiter", "~"], "split at '~'"),
        pytest.param(
            csv().replace(b",", b"\t"), "bought", ["--delimiter", "tab"], r"split at '\t'", marks=pytest.mark.deep
        ),
        pytest.param(
            csv(header="52,Graz,yes"), "column_3", ["--no-header"], "101 rows, 3 columns", marks=pytest.mark.deep
        ),
        pytest.param(
            csv().decode().encode("utf-16-le"),
            "bought",
            ["--encoding", "utf-16-le"],
            "utf-16-le",
            marks=pytest.mark.deep,
        ),
    ],
)
def test_how_a_text_is_written_can_be_said(
    try_here: Any, tmp_path: Path, content: bytes, target: str, options: list[str], told: str
) -> None:
    (tmp_path / "said.csv").write_bytes(content)
    ended = try_here("said.csv", "--target", target, *options, "--time-limit", "1s", "--exit")
    assert ended.code == 0, ended.err
    assert told in ended.out


def test_a_file_its_reader_may_not_read_is_refused(served_hub: ServedProcess) -> None:
    with short_folder() as folder:
        locked = folder / "locked.csv"
        locked.write_bytes(csv())
        locked.chmod(0)
        uid = os.geteuid() or ORDINARY_UID
        os.chown(locked, uid, -1)
        ended = in_a_process_of(uid, folder, "locked.csv", "--target", "bought", LYCEUM_URL=served_hub.url)
    assert ended == (2, "", "locked.csv cannot be read (Permission denied); check its permissions.\n")


def in_a_process_of(uid: int, folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Return the exit code and what the command printed, run as this account."""
    command = command_as(uid, sys.executable, "-m", "lyceum.cli", "try", *arguments)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LYCEUM_")}
    done = subprocess.run(
        command, cwd=folder, env=ours | {"HOME": str(folder)} | variables, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.deep)])
def test_ended_while_it_sends_it_leaves_no_dataset(
    terminal: Any, hub: Client, member: Member, staffed_hub: StaffedHub, tmp_path: Path, number: signal.Signals
) -> None:
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(1 << 30)
    uploads = staffed_hub.settings.home / "files" / "uploads" / str(member.org_id)
    with terminal.running("large.csv", "--target", "bought") as process:
        wait_until(lambda: any(uploads.rglob("*.parts/*")))
        process.send_signal(number)
        process.wait()
    assert list(hub.datasets.list()) == []
    # killed, its parts stay for whoever goes on with them, for a day; stopped, it takes them back
    for row in rows_of(staffed_hub.database, "SELECT id FROM uploads WHERE org_id = %s", member.org_id):
        assert number == signal.SIGKILL
        hub.datasets.abandon(str(row["id"]))
    wait_until(lambda: not [path for path in uploads.rglob("*") if path.is_file()])
