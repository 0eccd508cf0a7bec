"""What columns marked as personal hold leaves the hub masked: in answers, mails, notices, incidents and logs."""

import io
from collections.abc import Callable
from typing import Any

import httpx
import polars as pl
import pytest

from fixtures.app import rows_of
from fixtures.staffed import StaffedHub, add_version, csv_of, dataset_with, ok, until
from make.accounts import Member, make_member
from make.streams import make_dead_letter, make_stream_row

Client = Callable[..., httpx.AsyncClient]
EMAIL, CARD, IBAN = "zoe.quill@kestrel-mail.example", "4539578763621486", "DE89370400440532013000"
SECRETS = (EMAIL, CARD, IBAN, "kestrel-mail", "zoe.quill")
PEOPLE = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "mail": [EMAIL, "a@b.example", "c@d.example", None],
        "card": [CARD, "4111111111111111", "5500005555555559", None],
        "iban": [IBAN, "GB29NWBK60161331926819", "FR1420041010050500013M02606", None],
        "city": ["Oslo", "Rome", "Rome", "Bonn"],
    }
)


def _holds_none(what: str, text: str) -> None:
    for secret in SECRETS:
        assert secret not in text, f"{what} tells {secret}"


async def _marks(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    listed = await ok(client.get(f"/api/v1/datasets/{address}/personal-columns"))
    return {item["name"]: item for item in listed["items"]}


async def test_an_upload_is_scanned_and_what_it_holds_is_masked(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(PEOPLE))
        marks = await _marks(client, address)
        assert {name: item["kind"] for name, item in marks.items()} == {"mail": "email", "card": "card", "iban": "iban"}
        assert all(item["is_marked"] and item["said_by"] == "scan" for item in marks.values())
        preview = await ok(client.get(f"/api/v1/datasets/{address}/versions/1/preview"))
        assert preview["rows"][0] == [1, "•••@•••", "•••", "•••", "Oslo"]
        assert preview["rows"][3] == [4, None, None, None, "Bonn"]


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
async def test_a_download_is_masked_unless_a_member_asks_by_name_which_is_recorded(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub, form: str
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(PEOPLE))
        where = f"/api/v1/datasets/{address}/versions/1/rows"
        readers: dict[str, Callable[[io.BytesIO], pl.DataFrame]] = {
            "csv": pl.read_csv,
            "parquet": pl.read_parquet,
            "arrow": pl.read_ipc,
        }
        read = readers[form]
        masked = read(io.BytesIO((await client.get(where, params={"format": form})).content))
        assert masked["mail"].to_list() == ["•••@•••"] * 3 + [None]
        assert masked["city"].to_list() == PEOPLE["city"].to_list()
        plain = await client.get(where, params={"format": form, "unmasked": True})
        assert read(io.BytesIO(plain.content))["mail"].to_list() == PEOPLE["mail"].to_list()
    told = rows_of(
        staffed_hub.database,
        "SELECT actor_id FROM audit_log WHERE action = 'read_unmasked' AND org_id = %s",
        owner.org_id,
    )
    assert [row["actor_id"] for row in told] == [owner.user_id]


async def test_a_viewer_and_a_guest_download_nothing_unmasked(
    hub_client: Client, owner: Member, outsider: Member, staffed_hub: StaffedHub
) -> None:
    viewer = make_member(staffed_hub.database, organisation=(owner.org_id, owner.org_name), role="viewer")
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(PEOPLE), visibility="internal")
    for who in (viewer, outsider):
        async with hub_client(who) as client:
            where = f"/api/v1/datasets/{address}/versions/1/rows"
            refused = await client.get(where, params={"unmasked": True})
            assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
            _holds_none("a download", (await client.get(where)).text)
            refused = await client.put(
                f"/api/v1/datasets/{address}/personal-columns", json={"column": "mail", "is_marked": False}
            )
            assert refused.status_code == 403


async def test_what_a_person_says_outlives_later_scans(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(PEOPLE))
        where = f"/api/v1/datasets/{address}/personal-columns"
        await ok(client.put(where, json={"column": "mail", "is_marked": False}))
        await ok(client.put(where, json={"column": "city", "is_marked": True}))
        more = PEOPLE.with_columns(second=pl.col("mail"))
        await add_version(client, address, "table.csv", csv_of(more))
        marks = await _marks(client, address)
        said = {name: (item["is_marked"], item["said_by"]) for name, item in marks.items()}
        assert said["mail"] == (False, "person")
        assert said["city"] == (True, "person")
        assert said["second"] == (True, "scan")
        preview = await ok(client.get(f"/api/v1/datasets/{address}/versions/2/preview"))
        assert preview["rows"][0] == [1, EMAIL, "•••", "•••", "•••", "•••@•••"]
        unknown = await client.put(where, json={"column": "mial", "is_marked": True})
        assert (unknown.status_code, unknown.json()["code"]) == (422, "column_unknown")


async def test_no_answer_of_a_whole_scenario_tells_what_a_marked_column_holds(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub, capfd: pytest.CaptureFixture[str]
) -> None:
    checks = [
        {"kind": "unique", "columns": ["mail"]},
        {"kind": "in_set", "column": "iban", "values": ["GB29NWBK60161331926819"]},
        {"kind": "regex", "column": "card", "pattern": "^5"},
        {"kind": "range", "column": "id", "max": 1},
        {"kind": "sql", "query": "SELECT CAST(mail AS INTEGER) FROM dataset"},
        {"kind": "sql", "query": "SELECT mail AS looks_harmless FROM dataset"},
    ]
    told: list[tuple[str, str]] = []

    async def heard(reply: httpx.Response) -> None:
        await reply.aread()
        told.append((str(reply.url), reply.text))

    async with hub_client(owner) as client:
        client.event_hooks["response"].append(heard)
        address = await dataset_with(client, csv_of(PEOPLE))
        where = f"/api/v1/datasets/{address}"
        kept = []
        for definition in checks:
            reply = await client.post(f"{where}/checks", json={"definition": definition})
            kept.append(reply.status_code)
        assert kept.count(201) >= 4, told[-len(kept) :]
        for definition in checks:
            await client.post(f"{where}/checks/try", json={"definition": definition})
        await ok(client.get(f"{where}/checks/suggestions"))
        await ok(client.post(f"{where}/checks/suggest"), 201)
        begun = await ok(client.post(f"{where}/versions/1/check-runs"), 202)
        run = await until(
            lambda: ok(client.get(f"/api/v1/check-runs/{begun['id']}")), lambda found: found["state"] != "queued"
        )
        assert run["state"] == "failed"
        assert any(result["failing_rows"] for result in run["results"])
        await add_version(client, address, "table.csv", csv_of(PEOPLE.tail(3)))
        diff = await ok(client.post(f"{where}/diffs", json={"before": 1, "after": 2, "key": ["id", "mail"]}), 202)
        diff = await until(
            lambda: ok(client.get(f"/api/v1/dataset-diffs/{diff['id']}")), lambda found: found["state"] != "queued"
        )
        assert diff["state"] == "done", diff
        assert diff["result"]["rows"]["samples"]["removed"] == [[1, "•••@•••"]]
        await _slices_are_masked(client, f"{where}/versions/1/slices")
        await _files_are_refused(client, address)
        await _dead_letters_are_masked(client, staffed_hub, owner, address)
        # refused, and the refusal quotes no value
        await client.post(f"{where}/records", json=[{"id": EMAIL, "mail": EMAIL}])
        places = [f"{where}/versions/1{path}" for path in ("", "/profile", "/preview", "/rows", "/check-runs")]
        places += [f"{where}{path}" for path in ("", "/checks", "/versions", "/personal-columns", "/records")]
        for place in (*places, *(f"/api/v1/{path}" for path in ("incidents", "notices", "jobs", "audit"))):
            await client.get(place)
    assert len(told) > 20
    for what, text in told:
        _holds_none(what, text)
    # the lines of jobs are kept in the database as well
    _holds_none("a log line", capfd.readouterr().err)
    _require_none_in_tables(staffed_hub)


async def _slices_are_masked(client: httpx.AsyncClient, where: str) -> None:
    """Ask for rows in each way that would tell a value, and in those that tell none."""
    plain = await ok(client.post(where, json={"filters": [{"column": "id", "op": "equals", "value": "1"}]}))
    assert plain["rows"] == [[1, "•••@•••", "•••", "•••", "Oslo"]]
    missing = await ok(client.post(where, json={"filters": [{"column": "mail", "op": "is_missing"}]}))
    assert missing["places"] == [4]
    for wanted in (
        {"filters": [{"column": "mail", "op": "contains", "value": "z"}]},
        {"order": {"column": "card"}},
    ):
        refused = await client.post(where, json=wanted)
        assert (refused.status_code, refused.json()["code"]) == (422, "column_masked")


async def _files_are_refused(client: httpx.AsyncClient, address: str) -> None:
    refused = await client.get(f"/api/v1/datasets/{address}/versions/1/files")
    assert (refused.status_code, refused.json()["code"]) == (403, "columns_masked")
    assert "card, iban, mail" in refused.json()["detail"]
    share, _, table = address.partition("/")
    shared = await client.post(f"/delta-sharing/shares/{share}/schemas/datasets/tables/{table}/query", json={})
    assert shared.status_code == 403


async def _dead_letters_are_masked(client: httpx.AsyncClient, hub: StaffedHub, owner: Member, address: str) -> None:
    dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
    stream_id = make_stream_row(hub.database, owner, dataset["id"])
    held = make_dead_letter(hub.database, owner, stream_id, content=f'{{"id": "x", "mail": "{EMAIL}"}}')
    shown = await ok(client.get(f"/api/v1/dead-letters/{held}"))
    assert (shown["text"], shown["is_masked"]) == ('{"id":"x","mail":"•••@•••"}', True)
    half = make_dead_letter(hub.database, owner, stream_id, offset=1, content=f'{{"mail": "{EMAIL}"')
    assert (await ok(client.get(f"/api/v1/dead-letters/{half}")))["content"] == ""
    rows_of(hub.database, "DELETE FROM streams WHERE id = %s", stream_id)


def _require_none_in_tables(hub: StaffedHub) -> None:
    """Whatever was kept for answers, mails, notices, alerts and logs; versions keep their own profiles."""
    for row in rows_of(hub.database, _TABLES):
        name = row["table_name"]
        for kept in rows_of(hub.database, f"SELECT row_to_json(t)::text AS text FROM {name} t"):
            _holds_none(name, kept["text"])


_TABLES = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_name NOT IN ('dataset_versions', 'pushed_batches')
"""
