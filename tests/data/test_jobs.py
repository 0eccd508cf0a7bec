"""Uploads become versions, and versions are checked, by a real worker on real files."""

import asyncio
import gzip
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import polars as pl
import pytest

from fixtures.app import rows_of
from fixtures.loop_watch import LoopWatch
from fixtures.staffed import (
    StaffedHub,
    add_version,
    begin_version,
    csv_of,
    dataset_with,
    new_dataset,
    ok,
    settled_version,
    until,
    upload,
)
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.jobs import SettleVersions
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import newest_version
from lyceum.files.places import storage_key
from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import open_resources
from lyceum.kernel.storage import open_storage
from lyceum.kernel.tx import transaction
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]


def _table(rows: int = 60, *, negatives: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": range(rows),
            "day": [date(2013, 1, 1) + timedelta(days=i % 30) for i in range(rows)],
            "carrier": [("AA", "UA", None)[i % 3] for i in range(rows)],
            "delay": [-1.5 if i < negatives else i / 2 for i in range(rows)],
        }
    )


async def test_an_upload_becomes_a_version_with_schema_preview_and_profile(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await new_dataset(client)
        content = csv_of(_table())
        begun = await begin_version(client, address, "flights.csv", content)
        assert (begun["state"], begun["number"], begun["row_count"]) == ("pending", None, None)
        version = await settled_version(client, begun["id"])
        assert (version["state"], version["number"], version["row_count"]) == ("accepted", 1, 60)
        assert version["byte_count"] == len(content)
        assert version["error"] is None
        assert version["source"]["delimiter"] == ","
        assert version["table_schema"]["columns"] == [
            {"name": "id", "type": "integer", "nullable": False},
            {"name": "day", "type": "date", "nullable": False},
            {"name": "carrier", "type": "string", "nullable": True},
            {"name": "delay", "type": "float", "nullable": False},
        ]
        preview = await ok(client.get(f"/api/v1/datasets/{address}/versions/1/preview", params={"limit": 3}))
        assert preview["columns"] == ["id", "day", "carrier", "delay"]
        assert preview["rows"][2] == [2, "2013-01-03", None, 1.0]
        profile = await ok(client.get(f"/api/v1/datasets/{address}/versions/latest/profile"))
        assert profile["rows"] == 60
        assert next(column for column in profile["columns"] if column["name"] == "carrier")["missing"] == 20
        job = await ok(client.get(f"/api/v1/jobs/{version['job_id']}"))
        assert job["state"] == "done"
    _nothing_staged(staffed_hub)


@pytest.mark.parametrize(
    "content,said,rows",
    [
        (b"1:x\n2:y\n", {"delimiter": ":", "has_header": False}, [[1, "x"], [2, "y"]]),
        ("имя;n\nЖюли;1\n".encode("cp1251"), {"encoding": "cp1251", "delimiter": ";"}, [["Жюли", 1]]),
    ],
)
async def test_what_is_said_of_how_a_file_is_written_is_believed(
    hub_client: Client, owner: Member, content: bytes, said: dict[str, Any], rows: list[list[Any]]
) -> None:
    async with hub_client(owner) as client:
        address = await new_dataset(client)
        version = await add_version(client, address, "said.csv", content, **said)
        assert version["state"] == "accepted", version
        assert {name: version["source"][name] for name in said} == said
        assert (await ok(client.get(f"/api/v1/datasets/{address}/versions/1/preview")))["rows"] == rows


async def test_an_accepted_uploads_content_is_gone(hub_client: Client, owner: Member, staffed_hub: StaffedHub) -> None:
    storage = open_storage(staffed_hub.settings)
    async with hub_client(owner) as client:
        address = await new_dataset(client)
        upload_id = await upload(client, "a.csv", b"a,b\n1,2\n3,4\n")
        key = storage_key(owner.org_id, UUID(upload_id))
        assert await storage.byte_count(key) == 12
        begun = await ok(client.post(f"/api/v1/datasets/{address}/versions", json={"upload_id": upload_id}), 202)
        assert (await settled_version(client, begun["id"]))["state"] == "accepted"

        async def size() -> int | None:
            return await storage.byte_count(key)

        assert await until(size, lambda found: found is None, seconds=5) is None


def _parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "file_name, content, code, said",
    [
        ("empty.csv", b"", "empty_file", ["empty.csv is empty"]),
        ("header.csv", b"a,b\n", "no_rows", ["header.csv", "no rows"]),
        ("ragged.csv", b"a,b\n1,2\n3,4,5\n6,7\n", None, ["ragged.csv", "line 3"]),
        ("nul.csv", b"a,b\n1,2\n3,\x00\n", "nul_byte", ["nul.csv, line 3", "NUL"]),
        ("twice.csv", b"a,b,A\n1,2,3\n", "column_names", ["columns 1 and 3", "rename"]),
        ("nameless.csv", b"a,,c\n1,2,3\n", "column_names", ["no name for column 2"]),
        ("cell.csv", b"a,b\n1," + b"x" * 10_500_000 + b"\n", None, ["cell.csv"]),
        ("cut.parquet", _parquet(_table())[:-20], None, ["cut.parquet"]),
        ("book.xlsx", b"PK\x03\x04[Content_Types].xml", "foreign_format", ["Excel"]),
    ],
)
async def test_a_bad_file_is_rejected_in_one_sentence_and_leaves_nothing(
    hub_client: Client,
    owner: Member,
    staffed_hub: StaffedHub,
    file_name: str,
    content: bytes,
    code: str | None,
    said: list[str],
) -> None:
    async with hub_client(owner) as client:
        address = await new_dataset(client)
        version = await add_version(client, address, file_name, content)
        assert version["state"] == "rejected"
        error = version["error"]
        assert all(part in error["detail"] for part in said), error
        assert error["detail"].count("\n") == 0
        assert error["detail"].endswith(".")
        assert code is None or error["code"] == code
        assert error["status"] == 422
        dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
        assert dataset["latest_version"] is None
        job = await ok(client.get(f"/api/v1/jobs/{version['job_id']}"))
        assert (job["state"], job["attempt"]) == ("dead", 1)
    store = table_store(open_storage(staffed_hub.settings))
    assert newest_version(store, table_key(owner.org_id, UUID(dataset["id"]))) is None
    _nothing_staged(staffed_hub)


def _nothing_staged(hub: StaffedHub) -> None:
    assert not list((hub.settings.home / "files" / "staging").rglob("*.parquet"))


async def test_a_rejected_uploads_content_goes_with_the_sweep(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    from lyceum.files.sweeping import sweep

    async with hub_client(owner) as client:
        address = await new_dataset(client)
        upload_id = await upload(client, "bad.csv", b"a,a\n1,2\n")
        begun = await ok(client.post(f"/api/v1/datasets/{address}/versions", json={"upload_id": upload_id}), 202)
        assert (await settled_version(client, begun["id"]))["state"] == "rejected"
    storage = open_storage(staffed_hub.settings)
    key = storage_key(owner.org_id, UUID(upload_id))
    assert await storage.byte_count(key) == 8
    rows_of(staffed_hub.database, "UPDATE uploads SET expires_at = now() WHERE id = %s", upload_id)
    async with open_resources(staffed_hub.settings, subscribers={}) as resources:
        await sweep(resources)
    assert await storage.byte_count(key) is None


@pytest.mark.parametrize(
    "file_name, content, declared",
    [
        ("a.parquet", _parquet(_table()), None),
        ("a.jsonl", b'{"a": 1}\n' * 3, None),
        ("a.txt", b'{"a": 1}\n' * 3, "jsonl"),
        ("a.csv.gz", gzip.compress(csv_of(_table())), None),
        ("a.csv", "a;b\n1;é\n".encode("latin-1"), "csv"),
    ],
)
async def test_every_format_is_read(
    hub_client: Client, owner: Member, file_name: str, content: bytes, declared: str | None
) -> None:
    async with hub_client(owner) as client:
        address = await new_dataset(client)
        version = await add_version(client, address, file_name, content, format=declared)
        assert version["state"] == "accepted", version["error"]


async def test_values_json_has_no_words_for_do_no_harm(hub_client: Client, owner: Member) -> None:
    frame = pl.DataFrame({"text": ["a\x00b", "a\x00b", None] * 20, "number": [float("nan"), float("inf"), -0.0] * 20})
    async with hub_client(owner) as client:
        address = await dataset_with(client, _parquet(frame), file_name="odd.parquet")
        preview = await ok(client.get(f"/api/v1/datasets/{address}/versions/1/preview", params={"limit": 3}))
        assert preview["rows"][:2] == [["a\x00b", "nan"], ["a\x00b", "inf"]]
        profile = await ok(client.get(f"/api/v1/datasets/{address}/versions/1/profile"))
        assert profile["columns"][0]["top_values"][0]["value"] == "a\ufffdb"
        check = {"definition": {"kind": "in_set", "column": "text", "values": ["c"]}}
        await ok(client.post(f"/api/v1/datasets/{address}/checks", json=check), 201)
        run = await _checked(client, address)
        assert run["results"][0]["failing_count"] == 40


async def test_versions_of_uploads_at_once_are_numbered_without_a_gap(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await new_dataset(client)
        good = [csv_of(_table(20 + number)) for number in range(5)]
        contents = [*good[:2], b"a,a\n1,2\n", *good[2:]]
        begun = await asyncio.gather(
            *(begin_version(client, address, f"{place}.csv", content) for place, content in enumerate(contents))
        )
        settled = await asyncio.gather(*(settled_version(client, version["id"]) for version in begun))
        assert [version["state"] for version in settled].count("rejected") == 1
        accepted = [version for version in settled if version["state"] == "accepted"]
        assert sorted(version["number"] for version in accepted) == [1, 2, 3, 4, 5]
        for version in accepted:
            limit = {"limit": 1000}
            path = f"/api/v1/datasets/{address}/versions/{version['number']}/preview"
            assert len((await ok(client.get(path, params=limit)))["rows"]) == version["row_count"]
        assert {version["row_count"] for version in accepted} == {20, 21, 22, 23, 24}
    rows = rows_of(
        staffed_hub.database,
        "SELECT count(DISTINCT delta_version) AS deltas FROM dataset_versions WHERE dataset_id = "
        "(SELECT dataset_id FROM dataset_versions WHERE id = %s) AND state = 'accepted'",
        accepted[0]["id"],
    )
    assert rows == [{"deltas": 5}]


async def test_a_version_called_off_is_rejected(hub_client: Client, owner: Member, staffed_hub: StaffedHub) -> None:
    async with hub_client(owner) as client:
        address = await new_dataset(client)
        begun = await begin_version(client, address, "a.csv", csv_of(_table(50_000)))
        await ok(client.post(f"/api/v1/jobs/{begun['job_id']}/cancel"))
        version = await settled_version(client, begun["id"])
    assert version["state"] == "rejected"
    assert version["error"]["code"] == "cancelled"


async def test_versions_whose_job_vanished_are_settled(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    from make.data import make_dataset, make_version

    dataset_id, _ = make_dataset(staffed_hub.database, owner)
    vanished = make_version(staffed_hub.database, owner, dataset_id, state="pending")
    told = make_version(staffed_hub.database, owner, dataset_id, state="pending")
    waits = make_version(staffed_hub.database, owner, dataset_id, state="pending")
    for version_id, state in ((told, "dead"), (waits, "ready")):
        rows_of(
            staffed_hub.database,
            """
            WITH job AS (
                INSERT INTO jobs (id, org_id, kind, args, state, run_at, error)
                VALUES (gen_random_uuid(), %s, 'data.read_upload', '{}', %s, now() + interval '1 day',
                        '{"code": "nul_byte", "detail": "It holds a NUL."}')
                RETURNING id
            )
            UPDATE dataset_versions SET job_id = (SELECT id FROM job) WHERE id = %s
            """,
            owner.org_id,
            state,
            version_id,
        )
    async with (
        open_resources(staffed_hub.settings, subscribers={}) as resources,
        transaction(resources.database, NOBODY) as tx,
    ):
        await enqueue(tx, SettleVersions())
    async with hub_client(owner) as client:
        assert (await settled_version(client, str(vanished)))["error"]["code"] == "never_read"
        assert (await settled_version(client, str(told)))["error"]["detail"] == "It holds a NUL."
        assert (await ok(client.get(f"/api/v1/dataset-versions/{waits}")))["state"] == "pending"


async def _checked(client: httpx.AsyncClient, address: str, version: int | str = "latest") -> dict[str, Any]:
    begun = await ok(client.post(f"/api/v1/datasets/{address}/versions/{version}/check-runs", json={}), 202)
    assert (begun["state"], begun["results"], begun["finished_at"]) == ("queued", [], None)
    run: dict[str, Any] = await until(
        lambda: ok(client.get(f"/api/v1/check-runs/{begun['id']}")), lambda found: found["state"] != "queued"
    )
    return run


async def test_suggested_checks_pass_where_they_come_from_and_find_the_rows_that_fail_later(
    hub_client: Client, owner: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(_table(200)))
        suggested = (await ok(client.post(f"/api/v1/datasets/{address}/checks/suggest"), 201))["items"]
        again = (await ok(client.post(f"/api/v1/datasets/{address}/checks/suggest"), 201))["items"]
        assert again == suggested
        assert {"id.not_null", "id.unique", "delay.range"} <= {check["definition"]["id"] for check in suggested}
        assert all(check["reason"] and check["origin"] == "suggested" for check in suggested)
        first = await _checked(client, address, 1)
        assert first["state"] == "passed", first
        assert [result["check_id"] for result in first["results"]] == [check["id"] for check in suggested]

        await add_version(client, address, "later.csv", csv_of(_table(200, negatives=2)))
        floor = {"definition": {"kind": "range", "column": "delay", "min": 0}, "reason": "no delay is negative"}
        await ok(client.post(f"/api/v1/datasets/{address}/checks", json=floor), 201)
        later = await _checked(client, address)
        assert later["state"] == "failed"
        found = later["results"][-1]
        assert (found["status"], found["failing_count"], found["rows_checked"]) == ("failed", 2, 200)
        assert [(row["row"], row["line"], row["values"]["delay"]) for row in found["failing_rows"]] == [
            (1, 2, -1.5),
            (2, 3, -1.5),
        ]
        assert "delay" in found["sentence"]
        # What an earlier version's run said stays as it was.
        assert await ok(client.get(f"/api/v1/check-runs/{first['id']}")) == first


async def test_suggestions_accepted_twice_at_once_are_kept_once(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(_table(100)))
        answers = await asyncio.gather(
            *(ok(client.post(f"/api/v1/datasets/{address}/checks/suggest"), 201) for _ in range(4))
        )
        kept = (await ok(client.get(f"/api/v1/datasets/{address}/checks")))["items"]
    ids = [check["definition"]["id"] for check in kept]
    assert len(ids) == len(set(ids))
    assert all(answer["items"] == kept for answer in answers)


async def test_a_check_of_a_column_a_later_version_lost_is_told_and_the_others_run(
    hub_client: Client, owner: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(_table()))
        for column in ("delay", "id"):
            check = {"definition": {"kind": "not_null", "column": column}}
            await ok(client.post(f"/api/v1/datasets/{address}/checks", json=check), 201)
        await add_version(client, address, "less.csv", csv_of(_table().drop("delay")))
        run = await _checked(client, address)
    assert run["state"] == "failed"
    assert [result["status"] for result in run["results"]] == ["errored", "passed"]
    assert "delay" in run["results"][0]["sentence"]


async def test_another_organisation_trains_on_and_previews_an_internal_dataset_without_its_checks(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(_table()), visibility="internal")
    async with hub_client(outsider) as client:
        preview = await ok(client.get(f"/api/v1/datasets/{address}/versions/1/preview"))
        assert len(preview["rows"]) == 50
        started = await client.post(f"/api/v1/datasets/{address}/versions/1/check-runs", json={})
        assert started.status_code == 404
    async with hub_client(owner) as client:
        # the hub is shared, and everyone on it sees what is internal
        assert (await client.delete(f"/api/v1/datasets/{address}")).status_code == 204


def _wide_csv() -> bytes:
    return csv_of(pl.DataFrame({f"c{place}": [f"text {row}" * 60 for row in range(60)] for place in range(1000)}))


async def test_reading_the_first_rows_holds_no_loop(hub_client: Client, owner: Member, loop_watch: LoopWatch) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, await asyncio.to_thread(_wide_csv))
        answer = await client.get(f"/api/v1/datasets/{address}/versions/1/preview", params={"limit": 1000})
        assert len(answer.content) < 50_000 * 210
        preview = await asyncio.to_thread(answer.json)
        assert len(preview["rows"]) == 50
        assert preview["rows"][7][0] == ("text 7" * 60)[:199] + "…"
        await ok(client.post(f"/api/v1/datasets/{address}/checks/suggest"), 201)
