"""A person is erased from every version of a dataset: no file of the table has them afterwards, and versions keep their numbers."""

import io
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import polars as pl
import pytest
from psycopg.types.json import Jsonb

from fixtures.app import rows_of, served
from fixtures.staffed import StaffedHub, add_version, csv_of, dataset_with, ok, until
from lyceum.cli import main
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.personal import rewriting
from lyceum.data.datasets.table_store import TableStore
from lyceum.data.datasets.tables import commit, discard_staged, files_of, newest_version, scan_version, stage, take_back
from lyceum.data.quality.engine.public import reference_from_bytes, reference_of
from lyceum.kernel.storage import open_storage
from make.accounts import Member
from make.incidents import make_incident
from make.streams import make_dead_letter, make_stream_row
from make.train import make_run

Client = Callable[..., httpx.AsyncClient]
THEM = "zoe.quill@kestrel-mail.example"
PEOPLE = pl.DataFrame({"id": [1, 2, 3], "mail": ["a@b.example", THEM, "c@d.example"], "n": [1, 77_123, 3]})


def _require_gone(folder: Path, value: str) -> None:
    """Look into every byte of the table, and into every Parquet file as what it holds."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        assert value.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":
            assert value not in str(pl.read_parquet(path).to_dicts()), path


async def _erased(client: httpx.AsyncClient, address: str, column: str, value: str) -> Any:
    # refused as long as a version is being made, as one of records pushed may be
    reply = await until(
        lambda: client.post(f"/api/v1/datasets/{address}/erasures", json={"column": column, "value": value}),
        lambda answer: answer.status_code != HTTPStatus.CONFLICT,
    )
    assert reply.status_code == HTTPStatus.ACCEPTED, reply.text
    erasure_id = reply.json()["id"]
    return await until(
        lambda: ok(client.get(f"/api/v1/dataset-erasures/{erasure_id}")), lambda found: found["state"] != "queued"
    )


async def test_a_person_is_gone_from_every_version_and_the_versions_stay(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(PEOPLE))
        where = f"/api/v1/datasets/{address}"
        await add_version(client, address, "table.csv", csv_of(PEOPLE.head(1)))
        restored = await ok(client.post(f"{where}/versions/1/restore"), 202)
        await until(
            lambda: ok(client.get(f"/api/v1/dataset-versions/{restored['id']}")), lambda one: one["state"] != "pending"
        )
        definition = {"kind": "range", "column": "n", "max": 10}
        await ok(client.post(f"{where}/checks", json={"definition": definition}), 201)
        run = await ok(client.post(f"{where}/versions/1/check-runs"), 202)
        run = await until(
            lambda: ok(client.get(f"/api/v1/check-runs/{run['id']}")), lambda found: found["state"] != "queued"
        )
        assert run["results"][0]["failing_rows"]
        await ok(
            client.post(f"{where}/records", json=[{"id": 9, "mail": THEM}, {"id": 10, "mail": "e@f.example"}]), 202
        )
        run_id, letters, reference = await _remembered_elsewhere(client, staffed_hub, owner, address)
        erasure = await _erased(client, address, "mail", THEM)
        assert (erasure["state"], erasure["rows_removed"]) == ("done", {"1": 1, "3": 1}), erasure
        assert [(made["kind"], made["id"]) for made in erasure["trained_on"]] == [("run", str(run_id))]
        report = await ok(client.get(f"/api/v1/runs/{run_id}/report"))
        assert [one["row"]["n"] for one in report["sample_rows"]] == [3]
        kept = reference_from_bytes(reference.read_bytes()).columns["mail"]
        assert (kept.categories, kept.rare, kept.values) == ({"c@d.example": 2}, 2, 4)
        states = [(await ok(client.get(f"/api/v1/dead-letters/{letter}")))["state"] for letter in letters]
        assert states == ["given_up", "given_up", "held"]
        for number, ids in ((1, [1, 3]), (2, [1]), (3, [1, 3])):
            version = await ok(client.get(f"{where}/versions/{number}"))
            preview = await ok(client.get(f"{where}/versions/{number}/preview"))
            assert ([row[0] for row in preview["rows"]], version["row_count"]) == (ids, len(ids))
        profile = await ok(client.get(f"{where}/versions/1/profile"))
        assert next(column["max"] for column in profile["columns"] if column["name"] == "n") == 3
        run = await ok(client.get(f"/api/v1/check-runs/{run['id']}"))
        assert (run["results"][0]["failing_rows"], run["results"][0]["failing_count"]) == ([], 1)
        dataset = await ok(client.get(where))
        folder = staffed_hub.settings.home / "storage" / table_key(owner.org_id, UUID(dataset["id"]))
        folder = (
            folder
            if folder.exists()
            else Path(open_storage(staffed_hub.settings).url.removeprefix("file://"))
            / (table_key(owner.org_id, UUID(dataset["id"])))
        )
        assert list(folder.rglob("*.parquet"))
        _require_gone(folder, THEM)
        # nothing left to do
        again = await _erased(client, address, "mail", THEM)
        assert (again["state"], again["rows_removed"]) == ("done", {})
    _require_told_nowhere(staffed_hub, UUID(dataset["id"]))


async def _remembered_elsewhere(
    client: httpx.AsyncClient, hub: StaffedHub, owner: Member, address: str
) -> tuple[UUID, list[UUID], Path]:
    """Have a training, messages that are no rows, an incident and a watch know of them."""
    version = await ok(client.get(f"/api/v1/datasets/{address}/versions/1"))
    dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
    run_id = make_run(hub.database, owner, UUID(version["id"]))
    rows = [{"row": {"mail": mail, "n": n}, "truth": 1} for mail, n in ((THEM, 1), ("c@d.example", 3), (None, 4))]
    path = f"models/{run_id}.reference"
    change = "UPDATE training_runs SET report = report || %s, artifact = artifact || %s WHERE id = %s"
    rows_of(hub.database, change, Jsonb({"sample_rows": rows}), Jsonb({"reference_path": path}), run_id)
    reference = hub.settings.home / "files" / path
    reference.parent.mkdir(parents=True, exist_ok=True)
    texts = pl.LazyFrame({"mail": [THEM, "a@b.example", "c@d.example", "c@d.example"]})
    reference.write_bytes(reference_of(texts).to_bytes())
    stream_id = make_stream_row(hub.database, owner, dataset["id"])
    contents = (f'{{"mail": "{THEM}"}}', f'{{"mail": "{THEM}", "n', f'{{"mail": "x-{THEM[1:]}"}}')
    letters = [
        make_dead_letter(hub.database, owner, stream_id, offset=offset, content=content)
        for offset, content in enumerate(contents)
    ]
    watch = """
        INSERT INTO dataset_watches (dataset_id, org_id, enabled, alarm_share, detectors, memory)
        VALUES (%s, %s, true, 0.05, '[]', %s)
    """
    rows_of(hub.database, watch, dataset["id"], owner.org_id, THEM.encode())
    incident_id = make_incident(hub.database, owner, dataset["id"])
    told = "UPDATE incidents SET version_id = %s, summary = %s WHERE id = %s"
    rows_of(hub.database, told, version["id"], f"{THEM} is seen twice.", incident_id)
    return run_id, letters, reference


async def test_the_command_erases_and_says_which_versions_had_them(
    hub_client: Client,
    owner: Member,
    staffed_hub: StaffedHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(PEOPLE))

    def erase(key: str, given: str = "") -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["lyceum", "erase", address, "--key", key, "--yes"])
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    with served("lyceum.web", staffed_hub.settings) as api:
        monkeypatch.setenv("LYCEUM_URL", api.url)
        monkeypatch.setenv("LYCEUM_API_KEY", owner.key)
        assert erase("mail=-", f"{THEM}\n") == (0, "version 1: 1 row(s) removed\n")
        assert erase(f"mail={THEM}") == (0, f"No version of {address} had a row with this mail.\n")
        assert erase("mail")[0] == 2


def _require_told_nowhere(hub: StaffedHub, dataset_id: UUID) -> None:
    names = rows_of(
        hub.database,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'dataset_versions'",
    )
    for name in names:
        for row in rows_of(hub.database, f"SELECT row_to_json(t)::text AS text FROM {name['table_name']} t"):
            assert THEM not in row["text"], name
            assert THEM.encode().hex() not in row["text"], name
    kept = rows_of(
        hub.database, "SELECT row_to_json(t)::text AS text FROM dataset_versions t WHERE dataset_id = %s", dataset_id
    )
    assert all(THEM not in row["text"] for row in kept)
    told = rows_of(
        hub.database, "SELECT action FROM audit_log WHERE action = 'erase_person' AND object_id = %s", str(dataset_id)
    )
    assert told


async def test_only_who_may_change_the_dataset_erases_and_one_at_a_time(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(PEOPLE), visibility="internal")
    async with hub_client(outsider) as client:
        refused = await client.post(
            f"/api/v1/datasets/{address}/erasures", json={"column": "mail", "value": "a@b.example"}
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


@pytest.fixture
def table(tmp_path: Path) -> tuple[TableStore, str]:
    """A table of five Delta versions: an upload, an append, another upload, the first one again, and an append to that."""
    store, key = TableStore(str(tmp_path / "store")), "tables/o/d"

    def staged(operation: str, frame: pl.DataFrame) -> Any:
        path = tmp_path / "one.parquet"
        frame.write_parquet(path)
        return stage(store, operation, [path])

    commit(store, key, staged("op-1", PEOPLE), base=None)
    commit(store, key, staged("op-2", PEOPLE.head(1)), base=newest_version(store, key))
    take_back(store, key, "op-3", to=1, base=2)
    commit(store, key, staged("op-4", PEOPLE.tail(2)), base=3)
    return store, key


@pytest.mark.parametrize("dies_after", [0, 1, 4, 7, 9, 12, 15, 16])
def test_an_erasure_killed_anywhere_leaves_every_version_readable_and_is_finished_by_the_next_run(
    table: tuple[TableStore, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    store, key = table
    for operation in ("op-1", "op-2", "op-4"):
        discard_staged(store, operation)
    erasure_id, writes = uuid4(), 0
    real_rewrite, real_delete = rewriting._rewrite, TableStore.delete

    def counted() -> None:
        nonlocal writes
        writes += 1
        if writes > dies_after:
            raise KeyboardInterrupt

    def rewrite(*given: Any) -> None:
        counted()
        real_rewrite(*given)

    def delete(self: TableStore, path: str) -> None:
        counted()
        real_delete(self, path)

    def erase() -> None:
        rewriting.erase_rows(store, key, erasure_id, column="mail", value=THEM, folder=tmp_path)

    with monkeypatch.context() as patched:
        patched.setattr(rewriting, "_rewrite", rewrite)
        patched.setattr(TableStore, "delete", delete)
        with pytest.raises(KeyboardInterrupt):
            erase()
    heights = [{2, 3}, {1}, {2, 3}, {1, 2}]
    for version, allowed in enumerate(heights, start=1):
        assert scan_version(store, key, version).collect().height in allowed
    erase()
    assert [scan_version(store, key, version).collect()["id"].to_list() for version in (1, 2, 3, 4)] == [
        [1, 3],
        [1],
        [1, 3],
        [3],
    ]
    assert [sum(file.rows for file in files_of(store, key, version)) for version in (1, 2, 3, 4)] == [2, 1, 2, 1]
    _require_gone(tmp_path / "store", THEM)
    # and the table goes on
    path = tmp_path / "two.parquet"
    PEOPLE.head(1).write_parquet(path)
    assert commit(store, key, stage(store, "op-5", [path]), base=newest_version(store, key)) == 5
