"""What was kept of a table before a column of it was marked, or somebody was erased from it, tells nothing afterwards."""

import runpy
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import polars as pl
import pytest
from psycopg.types.json import Jsonb

from fixtures.app import rows_of
from fixtures.queue import run_of, worker_on
from fixtures.servers import TestDatabase
from fixtures.staffed import StaffedHub, add_version, csv_of, dataset_with, ok, until
from lyceum.data.datasets.history.jobs import CompareVersions, handlers
from lyceum.data.datasets.history.work import Compared
from lyceum.data.quality.asked import RunChecks
from lyceum.data.quality.jobs import HANDLERS
from lyceum.data.quality.work import CheckedTable
from lyceum.kernel.history import migrations_folder
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.train.runs.jobs import HANDLERS as FIT_HANDLERS
from lyceum.train.runs.jobs import FitModel
from lyceum.train.runs.work import FitOutcome
from make.accounts import Member, make_member
from make.data import DEFINITION, make_check, make_check_run, make_dataset, make_diff, make_erasure, make_version
from make.incidents import make_incident
from make.train import make_run

Client = Callable[..., httpx.AsyncClient]
THEM = "zoe.quill@kestrel-mail.example"
CARD, DASHED = "5555555555554444", "5555-5555-5555-4444"


async def test_a_note_of_how_a_file_was_read_names_a_row_and_not_its_value(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(pl.DataFrame({"card": [CARD] * 300 + [DASHED]})))
        version = await ok(client.get(f"/api/v1/datasets/{address}/versions/1"))
        said = "Column 'card' is kept as text, because the value of row 301 is not a whole number as nearly all its other values are."
        assert version["source"]["notes"][-1] == said
        # and so do those that were kept with the value
        told = (
            f"Column 'card' is kept as text, because row 301 holds '{DASHED}, which is n…', which is not a whole number"
        )
        kept = ["The table has only one row.", f"{told} as nearly all its other values are."]
        change = "UPDATE dataset_versions SET source = jsonb_set(source, '{notes}', %s) WHERE id = %s"
        rows_of(staffed_hub.database, change, Jsonb(kept), version["id"])
        migration = runpy.run_path(str(migrations_folder() / "versions" / "0041_what_versions_tell.py"))
        rows_of(staffed_hub.database, migration["NOTES"])
        version = await ok(client.get(f"/api/v1/datasets/{address}/versions/1"))
        assert version["source"]["notes"] == [kept[0], said]


async def test_a_reader_tries_no_check_that_would_tell_values_of_a_marked_column(
    hub_client: Client, owner: Member, outsider: Member, staffed_hub: StaffedHub
) -> None:
    viewer = make_member(staffed_hub.database, organisation=(owner.org_id, owner.org_name), role="viewer")
    people = pl.DataFrame({"mail": [f"{name}@b.example" for name in ("ada", "bob", "cy")], "n": [1, 2, 3]})
    telling: list[dict[str, Any]] = [
        {"kind": "expression", "expression": "not matches(mail, '^b')"},
        # a name as Python reads it
        {"kind": "expression", "expression": "length(\uff4dail) > 3"},
        {"kind": "conditional", "when": "n > 1", "then": "mail > 'b'"},
        {"kind": "regex", "column": "mail", "pattern": "^b"},
        {"kind": "not_null", "column": "n", "partition_by": "mail"},
        {"kind": "sql", "query": "SELECT 1 FROM data WHERE columns('ma.l') LIKE 'b%'"},
    ]
    harmless: list[dict[str, Any]] = [
        {"kind": "not_null", "column": "mail"},
        {"kind": "completeness", "column": "mail", "min_share": 0.5},
        {"kind": "range", "column": "n", "max": 2},
        {"kind": "row_count", "min": 1},
    ]
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(people), visibility="internal")
        tried = f"/api/v1/datasets/{address}/checks/try"
        for definition in telling:
            await ok(client.post(tried, json={"definition": definition}))
    for who in (viewer, outsider):
        async with hub_client(who) as client:
            for definition in telling:
                refused = await client.post(tried, json={"definition": definition})
                assert (refused.status_code, refused.json()["code"]) == (422, "column_masked"), definition
            for definition in harmless:
                await ok(client.post(tried, json={"definition": definition}))
    async with hub_client(outsider) as client:
        guesses = await dataset_with(client, csv_of(pl.DataFrame({"guess": ["bob@b.example", "no@b.example"]})))
        sought = {"kind": "referential", "columns": ["guess"], "to": address, "to_columns": ["mail"]}
        refused = await client.post(f"/api/v1/datasets/{guesses}/checks/try", json={"definition": sought})
        assert (refused.status_code, refused.json()["code"]) == (422, "column_masked")
        # nor does one that is kept look there
        await ok(client.post(f"/api/v1/datasets/{guesses}/checks", json={"definition": sought}), 201)
        begun = await ok(client.post(f"/api/v1/datasets/{guesses}/versions/1/check-runs"), 202)
        run = await until(
            lambda: ok(client.get(f"/api/v1/check-runs/{begun['id']}")), lambda found: found["state"] != "queued"
        )
        assert (run["results"][0]["status"], run["results"][0]["failing_rows"]) == ("errored", [])
        assert "which has no readable values" in run["results"][0]["sentence"]


async def _erased(client: httpx.AsyncClient, address: str, value: str) -> Any:
    wanted = {"column": "mail", "value": value}
    begun = await ok(client.post(f"/api/v1/datasets/{address}/erasures", json=wanted), 202)
    return await until(
        lambda: ok(client.get(f"/api/v1/dataset-erasures/{begun['id']}")), lambda found: found["state"] != "queued"
    )


async def test_an_erasure_reaches_what_is_shown_of_versions_whose_rows_nobody_can_look_at(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    people = pl.DataFrame({"mail": ["a@b.example", THEM], "n": [1, 77_123]})
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(people))
        where = f"/api/v1/datasets/{address}"
        await add_version(client, address, "table.csv", csv_of(people.head(1)))
        dataset_id = UUID((await ok(client.get(where)))["id"])
        thinned, kept = [UUID((await ok(client.get(f"{where}/versions/{number}")))["id"]) for number in (1, 2)]
        rejected = make_version(staffed_hub.database, owner, dataset_id, state="rejected")
        check_id = make_check(staffed_hub.database, owner, dataset_id)
        runs = [
            make_check_run(staffed_hub.database, owner, version, failing=(check_id,))
            for version in (thinned, rejected, kept)
        ]
        diff_id = make_diff(staffed_hub.database, owner, dataset_id, thinned)
        incident_id = make_incident(staffed_hub.database, owner, dataset_id, version_id=rejected, summary=THEM)
        shown = "UPDATE dataset_diffs SET result = jsonb_set(result, '{rows,samples}', %s) WHERE id = %s"
        rows_of(staffed_hub.database, shown, Jsonb({"removed": [[2, THEM]]}), diff_id)
        refusal = {
            "code": "checks_failed",
            "title": "No",
            "status": 409,
            "detail": THEM,
            "checks": [{"sentence": THEM}],
        }
        rows_of(staffed_hub.database, "UPDATE dataset_versions SET error = %s WHERE id = %s", Jsonb(refusal), rejected)
        rows_of(staffed_hub.database, "UPDATE dataset_versions SET thinned_at = now() WHERE id = %s", thinned)
        assert (await _erased(client, address, THEM))["state"] == "done"
        found = [(await ok(client.get(f"/api/v1/check-runs/{run}")))["results"][0] for run in runs]
        assert [(len(one["failing_rows"]), one["failing_count"]) for one in found] == [(0, 2), (0, 2), (1, 2)]
        diff = await ok(client.get(f"/api/v1/dataset-diffs/{diff_id}"))
        assert diff["result"]["rows"]["samples"] == {}
        for place in (f"/api/v1/dataset-versions/{rejected}", f"/api/v1/incidents/{incident_id}"):
            assert THEM not in (await client.get(place)).text


def _found_with_them(check_id: UUID, run_id: UUID, diff_id: UUID, trained_id: UUID) -> list[tuple[Any, JobArgs, Any]]:
    """Return handlers with what their jobs have computed, each with a row of theirs."""
    shown = {"row": 1, "line": 2, "values": {"a": THEM}}
    result = {
        "check": DEFINITION,
        "status": "failed",
        "sentence": THEM,
        "rows_checked": 3,
        "failing": 1,
        "failing_fraction": 0.3,
        "rows_involved": None,
        "observed": {"value": THEM},
        "sample": [shown],
    }
    counts: dict[str, Any] = {
        "before": 3,
        "after": 3,
        "added": 0,
        "removed": 1,
        "changed": None,
        "changed_by_column": {},
    }
    report = {"columns_left_out": {}, "score": 1.0, "baseline": 0.5, "fit_seconds": 1.0}
    sample = [{"row": {"a": THEM}, "truth": 1}]
    artifact = {"path": "models/x.onnx", "reference_path": "models/x.reference", "byte_count": 1}
    return [
        (
            HANDLERS[0],
            RunChecks(check_run_id=run_id),
            CheckedTable(passed=False, check_ids=[check_id], results=[result]),
        ),
        (
            handlers((), ())[1],
            CompareVersions(diff_id=diff_id),
            Compared(rows={**counts, "samples": {"removed": [[THEM]]}}),
        ),
        (
            FIT_HANDLERS[0],
            FitModel(run_id=trained_id),
            FitOutcome(report={**report, "sample_rows": sample}, artifact=artifact),
        ),
    ]


@pytest.mark.parametrize("began", ["before", "after"])
async def test_work_that_began_before_an_erasure_ended_brings_nobody_back(
    database: TestDatabase, resources: Resources, member: Member, began: str
) -> None:
    dataset_id, _ = make_dataset(database, member)
    version_id = make_version(database, member, dataset_id)
    check_id = make_check(database, member, dataset_id)
    run_id = make_check_run(database, member, version_id)
    diff_id = make_diff(database, member, dataset_id, version_id)
    rows_of(database, "UPDATE check_runs SET state = 'queued', finished_at = NULL WHERE id = %s", run_id)
    rows_of(database, "UPDATE dataset_diffs SET state = 'queued', result = NULL WHERE id = %s", diff_id)
    trained_id = make_run(database, member, version_id, state="running")
    job_id, worker = new_id(), worker_on(resources.database)
    job = """
        INSERT INTO jobs (id, org_id, kind, class, state, started_at, finished_at, args)
        VALUES (%s, %s, 'data.run_checks', 'normal', 'done', now() + %s * interval '1 hour', now(), '{}')
    """
    rows_of(database, job, job_id, member.org_id, -1 if began == "before" else 1)
    make_erasure(database, member, dataset_id)
    for handler, args, found in _found_with_them(check_id, run_id, diff_id, trained_id):
        async with transaction(resources.database, member.scope) as tx:
            await handler.conclude(tx, run_of(resources, member, job_id, 1, worker), args, found)
    kept = rows_of(database, "SELECT result::text FROM check_results WHERE check_run_id = %s", run_id)
    kept += rows_of(database, "SELECT result::text FROM dataset_diffs WHERE id = %s", diff_id)
    kept += rows_of(database, "SELECT report::text AS result FROM training_runs WHERE id = %s", trained_id)
    assert [THEM in row["result"] for row in kept] == [began == "after"] * 3
    [trained] = rows_of(database, "SELECT artifact FROM training_runs WHERE id = %s", trained_id)
    assert (trained["artifact"]["reference_path"] is None) == (began == "before")


async def test_what_was_learned_of_a_column_is_covered_once_it_is_marked(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    wages = [48_137 + 7 * (n % 3) for n in range(60)]
    table = pl.DataFrame(
        {"n": range(60), "wage": wages, "team": ["Alice", "Bert", "Cleo"] * 19 + ["Bert", "Cleo", "Alise"]}
    )
    secrets = ("48137", "48,137", "48151", "48,151", "Alice", "Alise")
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(table))
        where = f"/api/v1/datasets/{address}"
        await ok(client.post(f"{where}/checks/suggest"), 201)
        own = {"kind": "statistic", "column": "wage", "statistic": "max", "max": 1}
        await ok(client.post(f"{where}/checks", json={"definition": own}), 201)
        begun = await ok(client.post(f"{where}/versions/1/check-runs"), 202)
        places = [f"/api/v1/check-runs/{begun['id']}", "/api/v1/incidents"]
        await until(lambda: ok(client.get(places[0])), lambda run: run["state"] != "queued")
        seen = await until(
            lambda: ok(client.get(places[1])), lambda page: any("48" in i["summary"] for i in page["items"])
        )
        places += [f"/api/v1/incidents/{one['id']}{more}" for one in seen["items"] for more in ("", "/events")]
        dataset_id = UUID((await ok(client.get(where)))["id"])
        rejected = make_version(staffed_hub.database, owner, dataset_id, state="rejected")
        refusal = {"code": "checks_failed", "title": "No", "status": 409, "detail": "The max of wage is 48,151."}
        rows_of(staffed_hub.database, "UPDATE dataset_versions SET error = %s WHERE id = %s", Jsonb(refusal), rejected)
        places.append(f"/api/v1/dataset-versions/{rejected}")
        for column in ("wage", "team"):
            await ok(client.put(f"{where}/personal-columns", json={"column": column, "is_marked": True}))

        async def told() -> str:
            return "".join([(await client.get(place)).text for place in places])

        text = await until(told, lambda text: not any(secret in text for secret in secrets))
        assert not any(secret in text for secret in secrets)
        # who may change checks has to see them
        assert "Alise" in (await client.get(f"{where}/checks")).text
    viewer = make_member(staffed_hub.database, organisation=(owner.org_id, owner.org_name), role="viewer")
    async with hub_client(viewer) as client:
        for place in ("checks", "checks.yaml", "checks.odcs.yaml"):
            text = (await client.get(f"{where}/{place}")).text
            assert address in text or "wage" in text
            assert not any(secret in text for secret in secrets), place
