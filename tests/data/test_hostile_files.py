"""Hostile, damaged and odd files: read right or refused in a sentence, within bounds, with nothing half-made."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from fixtures.bounded import Bounded, bounded_calls
from make.hostile_files import arrow, parquet, row, workbook
from make.hostile_tables import KEPT, REFUSED, Kept, Refused

CPU_SECONDS_MAX = 10
GROWN_MB_MAX = 600
DEEP = {"keys.jsonl", "wide-allowed.csv", "zip-bomb.xlsx", "one-object.jsonl"}
"""What takes over half a second."""
DEEP_CPU_SECONDS_MAX = 45
SPOILT_FILES = 150


def marked(cases: list[Refused] | list[Kept]) -> list[object]:
    return [pytest.param(case, id=case.name, marks=[pytest.mark.deep] * (case.name in DEEP)) for case in cases]


@pytest.fixture(scope="module")
def bounded() -> Iterator[Bounded]:
    with bounded_calls(
        "lyceum.data.datasets.intake", "lyceum.data.datasets.rows.public", "lyceum.cli", "fixtures.hostile_calls"
    ) as calls:
        yield calls


def taken_in(bounded: Bounded, home: Path, case: Refused | Kept) -> dict[str, object]:
    """Return what came of the file, having found that it took little and left nothing but its table."""
    upload = home / "files" / "uploads" / "u"
    upload.parent.mkdir(parents=True)
    upload.write_bytes(case.content())
    ended = bounded.call("fixtures.hostile_calls:taken_in", str(home), case.name)
    assert ended.signal == 0, "the process died"
    assert ended.cpu_seconds < (DEEP_CPU_SECONDS_MAX if case.name in DEEP else CPU_SECONDS_MAX)
    assert ended.grown_mb < GROWN_MB_MAX
    kept = {path.relative_to(home).parts[:2] for path in home.rglob("*") if path.is_file()}
    tables = {("files", "tables")} if isinstance(case, Kept) else set()
    assert kept == {("files", "uploads"), *tables}, "something half-made stays"
    answer: dict[str, object] = ended.answer
    return answer


@pytest.mark.parametrize("case", marked(REFUSED))
def test_a_hostile_file_is_refused_in_a_sentence_and_leaves_nothing(
    bounded: Bounded, tmp_path: Path, case: Refused
) -> None:
    answer = taken_in(bounded, tmp_path, case)
    assert (answer.get("status"), answer.get("code")) == (422, case.code), answer
    said = str(answer["said"])
    assert said.startswith(case.name)
    assert case.says in said
    assert said.endswith(".")
    assert said.isprintable()
    assert len(said) < 400


@pytest.mark.parametrize("case", marked(KEPT))
def test_an_odd_file_is_read_as_it_was_meant(bounded: Bounded, tmp_path: Path, case: Kept) -> None:
    answer = taken_in(bounded, tmp_path, case)
    assert (answer.get("rows"), answer.get("types")) == (case.rows, case.types), answer
    first = answer["first"]
    assert isinstance(first, list)
    assert first[: len(case.first)] == case.first


@pytest.mark.parametrize("case", marked(REFUSED))
def test_the_command_refuses_it_too_and_ends_with_two(bounded: Bounded, tmp_path: Path, case: Refused) -> None:
    (tmp_path / case.name).write_bytes(case.content())
    ended = bounded.call("fixtures.hostile_calls:checked", str(tmp_path), "check", case.name)
    assert (ended.answer["code"], ended.answer["out"]) == (2, ""), ended.answer
    assert ended.answer["err"].count("\n") == 1
    assert ended.answer["err"].startswith(case.name)
    assert [path.name for path in tmp_path.iterdir()] == [case.name]
    assert ended.grown_mb < GROWN_MB_MAX


@pytest.mark.parametrize("case", marked(KEPT))
def test_the_command_checks_an_odd_file_by_what_it_suggests(bounded: Bounded, tmp_path: Path, case: Kept) -> None:
    (tmp_path / case.name).write_bytes(case.content())
    ended = bounded.call("fixtures.hostile_calls:checked", str(tmp_path), "check", case.name)
    assert (ended.answer["code"], ended.answer["err"]) == (0, ""), ended.answer
    assert ended.cpu_seconds < (DEEP_CPU_SECONDS_MAX if case.name in DEEP else CPU_SECONDS_MAX)


def spoilt(whole: bytes, *, seed: str) -> bytes:
    """Return the bytes with one to five of them another, half of them near the end, where formats keep their facts."""
    drawn = random.Random(seed)
    bad = bytearray(whole)
    for _ in range(drawn.choice([1, 1, 2, 5])):
        near_end = drawn.random() < 0.5
        place = max(0, len(bad) - 1 - drawn.randrange(1500)) if near_end else drawn.randrange(len(bad))
        bad[place] = drawn.choice([0, 1, 0x7F, 0x80, 0xFF, drawn.randrange(256)])
    return bytes(bad)


@pytest.mark.deep
@pytest.mark.parametrize("name", ["plain.parquet", "packed.parquet", "table.arrow", "book.xlsx"])
def test_a_file_with_some_bytes_spoilt_is_refused_or_read_and_kills_nothing(
    bounded: Bounded, tmp_path: Path, name: str
) -> None:
    table = pa.table(
        {
            "n": list(range(300)),
            "s": [f"t{n % 40}" for n in range(300)],
            "f": [n / 7 for n in range(300)],
            "d": pa.array(range(300), pa.timestamp("us")),
            "b": [n % 2 == 0 for n in range(300)],
            "x": pa.array([None, "é"] * 150),
        }
    )
    whole = {
        "plain.parquet": lambda: parquet(table, compression="none"),
        "packed.parquet": lambda: parquet(table, compression="zstd", data_page_version="2.0"),
        "table.arrow": lambda: arrow(table),
        "book.xlsx": lambda: workbook("".join(row(n, "a", "b") for n in range(1, 30))),
    }[name]()
    for seed in range(SPOILT_FILES):
        home = tmp_path / str(seed)
        upload = home / "files" / "uploads" / "u"
        upload.parent.mkdir(parents=True)
        upload.write_bytes(spoilt(whole, seed=f"{name}{seed}"))
        ended = bounded.call("fixtures.hostile_calls:taken_in", str(home), name)
        assert ended.signal == 0, seed
        assert "raised" not in ended.answer, (seed, ended.answer)
        assert (ended.cpu_seconds < CPU_SECONDS_MAX, ended.grown_mb < GROWN_MB_MAX) == (True, True), seed
        shutil.rmtree(home)
