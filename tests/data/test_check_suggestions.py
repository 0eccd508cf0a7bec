"""What a profile suggests: texts of a form, order and age, change between versions; accepted, edited, refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import polars as pl

from fixtures.staffed import add_version, csv_of, dataset_with, ok
from lyceum.data.quality.engine.public import profile_table, run_checks, suggest_checks
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


def _orders(rows: int) -> pl.DataFrame:
    random = np.random.default_rng(3)
    return pl.DataFrame(
        {
            "reference": [f"{n * 7919 % 9973:05}-{chr(65 + n % 26)}" for n in range(rows)],
            "mail": [f"person{n}@example.org" for n in range(rows)],
            "placed": [datetime(2024, 6, 1, tzinfo=UTC) - timedelta(minutes=rows - n) for n in range(rows)],
            "written": [f"{n % 28 + 1:02}.{n % 12 + 1:02}.2024" for n in range(rows)],
            "price": random.normal(50, 10, rows).round(2),
            "note": [" ".join("abcdefgh"[: n % 8 + 1]) * (n % 5 + 1) for n in range(rows)],
        }
    ).with_columns(taxed=pl.col("price") * 1.19)


def test_texts_of_a_known_form_are_told_with_their_shapes() -> None:
    profile = profile_table(_orders(400).lazy())
    mail = profile.column("mail").patterns[0]
    assert (mail.name, mail.fraction, mail.is_of_time) == ("email", 1.0, False)
    written = profile.column("written").patterns[0]
    assert (written.name, written.is_of_time) == ("day_first_date", True)
    assert profile.column("reference").shapes[0].shape == "99999-A"
    assert profile.column("reference").shapes[0].count == 400
    assert profile.column("placed").order == "increasing"
    assert profile.column("price").order is None
    assert profile.column("note").patterns == ()


def test_correlations_are_those_of_numpy_and_of_ranks() -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=500)
    frame = pl.DataFrame({"x": x, "cube": x**3, "alone": random.normal(size=500), "still": [1.0] * 500})
    frame = frame.with_columns(cube=pl.when(pl.int_range(pl.len()) % 50 == 0).then(None).otherwise(pl.col("cube")))
    found = profile_table(frame.lazy()).correlations
    assert {(each.left, each.right) for each in found if abs(each.spearman) > 0.9} == {("x", "cube")}
    [strong] = [each for each in found if each.right == "cube"]
    present = np.arange(500) % 50 != 0
    assert np.isclose(strong.pearson, np.corrcoef(x[present], x[present] ** 3)[0, 1])
    # ranks are those among a column's own values, of which the other may miss some
    assert strong.spearman > 0.999
    assert strong.rows == 490
    assert not any("still" in (each.left, each.right) for each in found)


def test_what_is_suggested_of_texts_order_age_and_change_passes_where_it_comes_from() -> None:
    frame = _orders(1_200)
    suggested = suggest_checks(profile_table(frame.lazy()), has_earlier=True, now=NOW)
    by_id = {each.check.id: each for each in suggested}
    assert {"mail.regex", "written.regex", "reference.length", "placed.monotonic", "placed.freshness", "volume"} <= set(
        by_id
    )
    assert "price" in by_id["price+taxed.drift"].check.subjects()
    assert by_id["mail.regex"].reason == "All texts of mail that were looked at are e-mail addresses."
    alone = [
        each.check for each in suggested if each.check.id not in {"placed.freshness", "volume", "price+taxed.drift"}
    ]
    assert {result.status for result in run_checks(frame.lazy(), alone).results} == {"passed"}
    ids = {each.check.id for each in suggest_checks(profile_table(frame.lazy()), now=NOW + timedelta(days=30))}
    assert not ids & {"placed.freshness", "volume", "price+taxed.drift"}


def test_a_few_texts_of_another_form_are_pointed_at() -> None:
    frame = _orders(400).with_columns(
        mail=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("nobody")).otherwise(pl.col("mail"))
    )
    [found] = [each for each in suggest_checks(profile_table(frame.lazy())) if each.check.id == "mail.regex"]
    assert found.finds_fault
    assert "99.2 %" in found.reason
    [result] = run_checks(frame.lazy(), [found.check]).results
    assert (result.status, result.failing) == ("failed", 3)


async def _decided(client: httpx.AsyncClient, address: str, **wanted: Any) -> dict[str, Any]:
    path = f"/api/v1/datasets/{address}/checks/suggestions"
    answer: dict[str, Any] = await ok(client.post(path, json=wanted), 201)
    return answer


async def test_suggestions_are_listed_kept_edited_and_refused_for_good(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(_orders(200)))
        path = f"/api/v1/datasets/{address}/checks"
        listed = await ok(client.get(f"{path}/suggestions"))
        names = [each["name"] for each in listed["items"]]
        assert {"mail.regex", "row_count", "price.not_null"} <= set(names)
        assert all(each["reason"] for each in listed["items"])
        assert (await ok(client.get(path)))["items"] == []

        decided = await _decided(
            client,
            address,
            accept=[
                {"name": "mail.regex"},
                {"name": "row_count", "definition": {"kind": "row_count", "min": 150, "severity": "error"}},
            ],
            refuse=["price.not_null"],
        )
        assert [(each["definition"]["id"], each["origin"]) for each in decided["kept"]] == [
            ("mail.regex", "suggested"),
            ("row_count", "suggested"),
        ]
        assert decided["kept"][1]["definition"]["min"] == 150
        left = {each["name"] for each in decided["suggestions"]["items"]}
        assert left == set(names) - {"mail.regex", "row_count", "price.not_null"}
        assert decided["suggestions"]["refused"] == ["price.not_null", "row_count"]

        # neither a new version nor taking all brings back what was refused
        await add_version(client, address, "more.csv", csv_of(_orders(300)))
        again = {each["name"] for each in (await ok(client.get(f"{path}/suggestions")))["items"]}
        assert "price.not_null" not in again
        assert "volume" in again
        everything = (await ok(client.post(f"{path}/suggest"), 201))["items"]
        assert "price.not_null" not in {each["definition"]["id"] for each in everything}
        gone = await client.post(f"{path}/suggestions", json={"accept": [{"name": "price.not_null"}]})
        assert (gone.status_code, gone.json()["code"]) == (404, "suggestion_not_found")
        back = await _decided(client, address, suggest_again=["price.not_null"])
        assert [each["name"] for each in back["suggestions"]["items"]] == ["price.not_null"]
