"""Scans over a Ray cluster of two nodes, one of which is lost meanwhile: the same answer as without."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lyceum.data.datasets.rows.public import TablePart, scan_part
from lyceum.data.quality.cluster import ClusterUnusable, report_from, state_by_cluster
from lyceum.data.quality.engine.public import Surroundings, checks_from_plain, reference_of, run_checks

ROWS, FILES = 40_000, 16
DEFINITIONS: list[dict[str, Any]] = [
    {"kind": "row_count", "min": 10},
    {"kind": "not_null", "column": "x", "at_most_failing": 0.5},
    {"kind": "unique", "columns": ["id"]},
    {"kind": "unique", "columns": ["place"]},
    {"kind": "range", "column": "id", "min": 0},
    {"kind": "range", "column": "x", "max": 900.0},
    {"kind": "statistic", "column": "x", "statistic": "mean", "min": 0},
    {"kind": "statistic", "column": "x", "statistic": "std", "min": 0},
    {"kind": "monotonic", "column": "id", "direction": "increasing", "strictly": True},
    {"kind": "in_set", "column": "place", "values": ["a", "b", "c"], "partition_by": "place"},
    {"kind": "referential", "columns": ["place"], "to": "main/places", "to_columns": ["name"]},
    {"kind": "drift", "columns": ["x"], "reference": "previous", "rows_min": 50},
    {"kind": "drift", "columns": ["x"], "reference": "previous", "method": "ks", "rows_min": 50},
    {"kind": "schema", "columns": [{"name": "id", "type": "integer"}], "more_columns": "allowed"},
]


@pytest.fixture
def parts(tmp_path: Path) -> list[TablePart]:
    """A table in sixteen files."""
    ids = range(ROWS)
    frame = pl.DataFrame(
        {
            "id": ids,
            "x": [None if n % 10 == 0 else float(n * 7919 % 1000) for n in ids],
            "place": ["abcd"[n % 97 % 4] for n in ids],
        }
    )
    (tmp_path / "t").mkdir()
    each = ROWS // FILES
    for number in range(FILES):
        frame.slice(number * each, each).write_parquet(tmp_path / "t" / f"{number:03}.parquet")
    pl.DataFrame({"name": list("abcd")}).write_parquet(tmp_path / "t" / "places.parquet")
    return [TablePart(url=str(tmp_path), options={}, table_key="t", names=[f"{n:03}.parquet"]) for n in range(FILES)]


@pytest.fixture
def others(parts: list[TablePart]) -> dict[str, TablePart]:
    return {"main/places": TablePart(url=parts[0].url, options={}, table_key="t", names=["places.parquet"])}


@pytest.fixture
def around(parts: list[TablePart], others: dict[str, TablePart]) -> Surroundings:
    before = reference_of(pl.concat([scan_part(part) for part in parts[:4]]), ["x"])
    return Surroundings(
        now=datetime(2024, 6, 1, tzinfo=UTC),
        references={"previous": before},
        table_named=lambda address: scan_part(others[address]),
    )


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A cluster of two nodes of one processor each, on this machine."""
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False},
    )
    yield made
    made.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.filterwarnings("ignore")
def test_a_node_lost_in_mid_scan_changes_no_answer(
    cluster: Any, parts: list[TablePart], others: dict[str, TablePart], around: Surroundings
) -> None:
    second = cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
    checks = checks_from_plain(DEFINITIONS)
    looks = 0

    def lose_a_node() -> None:
        nonlocal looks
        looks += 1
        if looks == FILES // 4:
            cluster.remove_node(second, allow_graceful=False)

    state = state_by_cluster(
        cluster.address, parts, DEFINITIONS, around=around, others=others, stop_if_asked=lose_a_node
    )
    assert looks > FILES // 4, "the scan was over before the node was lost"
    table = pl.concat([scan_part(part) for part in parts])
    found = report_from(state, table, checks, around=around, sample_rows_max=5, line_of_first_row=2).to_plain()
    whole = run_checks(table, checks, around=around, sample_rows_max=5, line_of_first_row=2).to_plain()
    assert found["rows"] == ROWS
    assert alike(found, whole)
    assert {result["status"] for result in found["results"]} == {"passed", "failed"}


def test_parts_merged_by_hand_give_the_report_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, parts: list[TablePart], others: dict[str, TablePart], around: Surroundings
) -> None:
    """What goes out to nodes and comes back is bytes, so that it is the same wherever it is done."""
    from lyceum.data.quality import cluster as module

    monkeypatch.setattr(module, "is_available", lambda: True)
    monkeypatch.setattr(module, "_by_ray", lambda _address, works, _stop: [module.measured(work) for work in works])
    state = state_by_cluster("nowhere:1", parts, DEFINITIONS, around=around, others=others)
    table = pl.concat([scan_part(part) for part in parts])
    checks = checks_from_plain(DEFINITIONS)
    found = report_from(state, table, checks, around=around, sample_rows_max=5, line_of_first_row=2).to_plain()
    assert alike(found, run_checks(table, checks, around=around, sample_rows_max=5, line_of_first_row=2).to_plain())


def test_without_ray_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, parts: list[TablePart], around: Surroundings
) -> None:
    from lyceum.data.quality import cluster as module

    monkeypatch.setattr(module, "is_available", lambda: False)
    with pytest.raises(ClusterUnusable, match=r"install lyceum-hub\[ray\]"):
        state_by_cluster("nowhere:1", parts, DEFINITIONS, around=around, others={})


def alike(one: Any, other: Any) -> bool:
    """Return whether two plain values are equal, floats to 1e-9 of their size."""
    if isinstance(one, float) and isinstance(other, float):
        return bool(one == pytest.approx(other, rel=1e-9, abs=1e-9, nan_ok=True))
    if isinstance(one, dict):
        one, other = ({key: value for key, value in each.items() if key != "keys_known"} for each in (one, other))
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)
