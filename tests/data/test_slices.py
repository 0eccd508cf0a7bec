"""Rows of a version as a person asks for them: filtered, ordered, and from a place on."""

from collections.abc import Callable
from typing import Any

import httpx
import polars as pl
import pytest

from fixtures.staffed import csv_of, dataset_with, ok
from lyceum.data.datasets import slices
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]
FRAME = pl.DataFrame(
    {
        "id": range(10),
        "city": ["Bonn", "Ulm", None, "ULM", "Kiel", "Bonn", "", "Jena", "Ulm", "Kiel"],
        "degrees": [3.5, float("nan"), None, -1.0, 20.0, 3.5, 7.0, 8.0, 9.0, 10.0],
        "day": [f"2024-01-{day:02}" for day in range(1, 11)],
        "open": [n % 2 == 0 for n in range(10)],
    }
)


async def _sliced(client: httpx.AsyncClient, address: str, **wanted: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await ok(client.post(f"/api/v1/datasets/{address}/versions/1/slices", json=wanted))
    return answer


async def _places(client: httpx.AsyncClient, address: str, *filters: tuple[str, str, str], **wanted: Any) -> list[int]:
    asked = [{"column": column, "op": op, "value": value} for column, op, value in filters]
    answer = await _sliced(client, address, filters=asked, **wanted)
    assert answer["matching"] >= len(answer["places"])
    return [place - 1 for place in answer["places"]]


async def test_rows_are_read_from_any_place_in_any_order(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        plain = await _sliced(client, address, offset=7, limit=5)
        assert (plain["places"], plain["matching"], plain["row_count"]) == ([8, 9, 10], 10, 10)
        assert plain["columns"] == FRAME.columns
        assert plain["rows"][0][:2] == [7, "Jena"]
        # missing values and NaN come last either way, and what is alike stays in the table's order
        up = await _places(client, address, order={"column": "degrees"})
        assert up == [3, 0, 5, 6, 7, 8, 9, 4, 1, 2]
        down = await _sliced(client, address, order={"column": "degrees", "descending": True}, offset=1, limit=3)
        assert [place - 1 for place in down["places"]] == [9, 8, 7]
        assert [row[2] for row in down["rows"]] == [10.0, 9.0, 8.0]
        assert (await _places(client, address, order={"column": "degrees"}, offset=50)) == []


async def test_rows_are_filtered_by_what_the_types_of_their_columns_know(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        for filters, found in (
            ([("city", "equals", "Ulm")], [1, 8]),
            ([("city", "contains", "uLm")], [1, 3, 8]),
            ([("degrees", "at_least", "8"), ("degrees", "at_most", "10")], [7, 8, 9]),
            ([("degrees", "is_missing", "")], [1, 2]),
            ([("degrees", "is_present", ""), ("city", "differs", "Bonn"), ("id", "at_most", "6.5")], [3, 4, 6]),
            ([("day", "at_least", "2024-01-09")], [8, 9]),
            ([("open", "equals", "True"), ("id", "at_least", "99999999999999999999")], []),
            ([("id", "contains", "7")], [7]),
        ):
            assert await _places(client, address, *filters) == found, filters
        page = await _sliced(
            client,
            address,
            filters=[{"column": "open", "op": "equals", "value": "true"}],
            order={"column": "id", "descending": True},
            limit=2,
        )
        assert (page["places"], page["matching"]) == ([9, 7], 5)


async def test_what_cannot_be_asked_is_said_and_nobody_else_sees_rows(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client, hub_client(outsider) as other:
        address = await dataset_with(client, csv_of(FRAME))
        path = f"/api/v1/datasets/{address}/versions/1/slices"
        for wanted, code in (
            ({"order": {"column": "no such"}}, "column_unknown"),
            ({"filters": [{"column": "day", "op": "at_least", "value": "soon"}]}, "filter_unusable"),
            ({"filters": [{"column": "open", "op": "equals", "value": "maybe"}]}, "filter_unusable"),
        ):
            answer = await client.post(path, json=wanted)
            assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
        assert (await other.post(path, json={})).status_code == 404


async def test_a_wide_table_is_shown_in_fewer_rows_and_only_so_many_are_looked_through_at_once(
    hub_client: Client, owner: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "CELLS_MAX", 15)
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        assert len((await _sliced(client, address))["rows"]) == 3
        assert await _places(client, address, ("open", "equals", "true"), order={"column": "id"}) == [0, 2, 4]
        taken = [slices._PLACES.acquire(blocking=False) for _ in range(slices.AT_ONCE)]
        try:
            answer = await client.post(f"/api/v1/datasets/{address}/versions/1/slices", json={})
        finally:
            for _ in taken:
                slices._PLACES.release()
        assert (answer.status_code, answer.json()["code"]) == (503, "slices_busy")


async def test_columns_may_have_the_names_that_places_would_be_counted_under(hub_client: Client, owner: Member) -> None:
    names = ["place", "place_", "key", "__place__", "__key__"]
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(pl.DataFrame({name: [2, 3, 1] for name in names})))
        for name in names:
            assert await _places(client, address, (name, "at_least", "2"), order={"column": name}) == [0, 1]
