"""Odd rows with what made them odd, and the metrics of batches beside what earlier ones taught."""

from datetime import date, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest

from lyceum.data.quality.anomalies.public import BatchMemory, measure, odd_rows, remember
from lyceum.data.quality.anomalies.tallies import Tally, hashes_of


def mixed(rows: int = 400, *, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    distance = random.choice([200.0, 800.0, 2500.0], size=rows)
    return pl.DataFrame(
        {
            "distance": distance,
            "minutes": distance / 8 + random.normal(size=rows),
            "carrier": random.choice(["UA", "DL", "AA"], size=rows),
            "tail": [f"N{number}" for number in random.integers(100, 999, size=rows)],
            "at": [date(2026, 1, 1) + timedelta(days=int(day)) for day in range(rows)],
        }
    )


def test_the_odd_row_is_found_with_the_columns_that_made_it_so() -> None:
    table = mixed()
    table[7, "minutes"] = 9000.0
    table[50, "carrier"] = "zz"
    found = odd_rows(table, rows_max=5)
    assert [found[0].row, found[0].contributions[0].column] == [7, "minutes"]
    assert found[0].contributions[0].value == 9000.0
    assert "mostly" in found[0].contributions[0].usual
    rare = next(one for one in found if one.row == 50)
    assert rare.contributions[0].column == "carrier"
    assert rare.contributions[0].usual == "0.25% of the rows have it"
    assert all(sum(part.share for part in one.contributions) <= 1.0001 for one in found)


def test_a_missing_value_where_none_is_missing_is_odd() -> None:
    table = mixed()
    table[3, "distance"] = None
    table[9, "carrier"] = None
    found = {one.row: one.contributions[0].column for one in odd_rows(table, rows_max=5)}
    assert (found[3], found[9]) == ("distance", "carrier")


def test_the_same_table_and_seed_give_the_same_rows() -> None:
    table = mixed(25_000)
    assert odd_rows(table, seed=3) == odd_rows(table, seed=3)


def test_constants_nothing_but_missing_and_few_rows_are_no_obstacle() -> None:
    table = pl.DataFrame({"same": [1.0] * 30, "none": [None] * 30, "text": ["a"] * 30, "list": [[1]] * 30})
    with np.errstate(all="raise"):
        assert len(odd_rows(table, rows_max=3)) == 3
        assert odd_rows(table.head(5)) == ()
        assert odd_rows(table.select("list")) == ()


def learnt(batches: int = 12) -> BatchMemory:
    memory = BatchMemory()
    for seed in range(batches):
        memory = remember(memory, mixed(seed=seed))
    return memory


def test_a_memory_holds_no_values_and_comes_back_from_bytes() -> None:
    memory = learnt(2)
    kept = msgspec.msgpack.encode(memory)
    assert b"N123" not in kept
    assert measure(mixed(seed=99), msgspec.msgpack.decode(kept, type=BatchMemory)) == measure(mixed(seed=99), memory)


def test_new_values_new_shapes_and_broken_relations_have_metrics_of_their_own() -> None:
    memory = learnt()
    usual = measure(mixed(seed=50), memory)
    table = mixed(seed=50)
    swapped = table.with_columns(minutes=pl.when(pl.int_range(pl.len()) < 20).then(25.0).otherwise("minutes"))
    typed = table.with_columns(carrier=pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("U a")).otherwise("carrier"))
    assert usual["carrier|new"] == 0
    assert measure(typed, memory)["carrier|new"] == pytest.approx(0.05)
    assert measure(typed, memory)["carrier|new_shape"] == pytest.approx(0.05)
    assert measure(swapped, memory)["minutes|apart_rows"] > usual["minutes|apart_rows"] + 0.02


def test_no_rows_no_columns_and_infinities_are_measured() -> None:
    memory = learnt(3)
    assert measure(mixed().clear(), memory) == {"|rows": 0.0}
    assert measure(pl.DataFrame({"list": [[1]]}), memory)["|rows"] == 1.0
    table = mixed().with_columns(minutes=pl.lit(float("inf")))
    assert all(np.isfinite(value) for value in measure(table, remember(memory, table)).values())


def test_hashes_are_the_same_in_every_release() -> None:
    assert hashes_of(pl.Series(["UA", None])).tolist() == [
        int.from_bytes(bytes.fromhex("dbbd007e3c8d98ba"), "little"),
        int.from_bytes(bytes.fromhex("0b712453d2d994a7"), "little"),
    ]


def test_a_tally_over_its_cap_keeps_nothing() -> None:
    tally = Tally(3).with_rows(hashes_of(pl.Series(["a", "b", "a"])))
    assert tally.counts_of(hashes_of(pl.Series(["a", "c"]))).tolist() == [2.0, 0.0]
    over = tally.with_rows(hashes_of(pl.Series(["c", "d"])))
    assert (over.is_over, over.keys) == (True, b"")
