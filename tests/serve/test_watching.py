"""What a model predicts becomes a dataset, and is compared there with what the model saw in training."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import polars as pl
import psycopg
import pytest
from psycopg.types.json import Jsonb

from fixtures.app import eventually, rows_of
from fixtures.staffed import StaffedHub, ok, until
from lyceum.data.quality.engine.public import Reference
from lyceum.kernel.resources import open_resources
from lyceum.kernel.tx import transaction
from lyceum.serve.predictions.public import written_up_to
from lyceum.serve.runtime.public import OnnxModel
from lyceum.serve.watching.judging import verdict_on
from lyceum.serve.watching.public import reference_key, training_reference
from lyceum.serve.watching.tables import LogTable
from lyceum.serve.watching.work import Finding, Verdict
from make.accounts import Member, make_member
from make.predictions import MadeModel, flight, make_model, onnx_file

Client = Callable[..., httpx.AsyncClient]
TRAINING_ROWS = 2_000


def _flights(first: int, count: int, **changed: Any) -> list[dict[str, Any]]:
    return [flight(number) | changed for number in range(first, first + count)]


def _reference(model: OnnxModel) -> Reference:
    frame = pl.DataFrame(_flights(0, TRAINING_ROWS))
    return training_reference(model, frame.head(TRAINING_ROWS // 2), frame.tail(TRAINING_ROWS // 2))


def _watched_model(hub: StaffedHub, owner: Member, *, with_reference: bool = True) -> MadeModel:
    """Register a model as a training does, with its signature and with what it saw."""
    made = make_model(hub.database, hub.settings.home, owner, onnx_file())
    model = OnnxModel.load(onnx_file())
    [path] = [
        row["artifact_path"]
        for row in rows_of(hub.database, "SELECT artifact_path FROM model_versions WHERE id = %s", made.version_ids[1])
    ]
    (hub.settings.home / "files" / reference_key(path)).write_bytes(_reference(model).to_bytes())
    with psycopg.connect(hub.database.dsn("owner"), autocommit=True) as connection:
        connection.execute(
            "UPDATE model_versions SET signature = %s, reference_path = %s WHERE id = %s",
            (Jsonb(model.signature.to_json()), reference_key(path) if with_reference else None, made.version_ids[1]),
        )
    return made


async def _predicted(
    hub: StaffedHub, client: httpx.AsyncClient, model: MadeModel, rows: Sequence[dict[str, Any]]
) -> None:
    """Have rows predicted, and wait until they are in the log."""
    before = _logged(hub, model)
    await ok(client.post(model.path(), json={"rows": list(rows)}))
    await eventually(lambda: _logged(hub, model) >= before + len(rows), what="the log is written about once a second")


def _logged(hub: StaffedHub, model: MadeModel) -> int:
    query = "SELECT count(*) AS rows FROM prediction_log WHERE model_version_id = %s"
    return int(rows_of(hub.database, query, model.version_ids[1])[0]["rows"])


async def _judged(client: httpx.AsyncClient, model: MadeModel, *, version: int) -> dict[str, Any]:
    """Have the log taken up, and return what is told of the model once that dataset version is judged."""
    await ok(client.post(f"/api/v1/models/{model.address}/watch"), 202)
    told = await until(
        lambda: ok(client.get(f"/api/v1/models/{model.address}/watch")),
        lambda told: bool(told["items"]) and told["items"][0]["dataset_version"] == version,
    )
    [item] = told["items"]
    found: dict[str, Any] = item
    return found


def _statuses(item: dict[str, Any]) -> dict[str, str]:
    return {finding["aspect"]: finding["status"] for finding in item["verdict"]["findings"]}


async def test_predictions_become_a_dataset_and_open_an_incident_when_an_input_has_moved(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    model = _watched_model(staffed_hub, owner)
    async with hub_client(owner) as client:
        await _predicted(staffed_hub, client, model, _flights(5_000, 400))
        item = await _judged(client, model, version=1)
        assert set(_statuses(item).values()) == {"passed"}, item
        assert (item["version"], item["verdict"]["rows"]) == (1, 400)
        rows = await ok(client.get(f"/api/v1/datasets/{item['dataset']}/versions/1/preview?limit=1"))
        lineage = await ok(client.get(f"/api/v1/datasets/{item['dataset']}/lineage"))
        titles = {node["id"]: (node["kind"], node["title"]) for node in lineage["nodes"]}
        assert [(titles[one["source"]], one["kind"], titles[one["target"]]) for one in lineage["edges"]] == [
            (("prediction_log", item["dataset"]), "appended", ("version", "version 1")),
            (("model", f"{model.address}@1"), "predicted", ("prediction_log", item["dataset"])),
        ]
        assert {"distance", "wind", "carrier", "day", "prediction", "probability", "predicted_at"} <= set(
            str(rows).replace("'", " ").split()
        )

        await _predicted(staffed_hub, client, model, [row | {"wind": 60.0} for row in _flights(0, 400)])
        item = await _judged(client, model, version=2)
        [inputs] = [found for found in item["verdict"]["findings"] if found["aspect"] == "inputs"]
        assert (inputs["status"], inputs["title"]) == ("failed", "wind has moved since training")
        assert inputs["moved"][0]["figure"] > inputs["moved"][0]["at_most"]
        incidents = await until(
            lambda: ok(client.get("/api/v1/incidents")),
            lambda page: any(one["title"] == inputs["title"] for one in page["items"]),
        )
        [incident] = [one for one in incidents["items"] if one["title"] == inputs["title"]]
        assert (incident["dataset"], incident["kind"], incident["state"]) == (item["dataset"], "predictions", "open")


async def test_each_logged_row_is_in_the_dataset_once_however_often_the_log_is_taken_up(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    model = _watched_model(staffed_hub, owner)
    async with hub_client(owner) as client:
        await _predicted(staffed_hub, client, model, _flights(0, 250))
        for _ in range(3):
            await ok(client.post(f"/api/v1/models/{model.address}/watch"), 202)
        await _judged(client, model, version=1)
        await _predicted(staffed_hub, client, model, _flights(250, 50))
        item = await _judged(client, model, version=2)
        version = await ok(client.get(f"/api/v1/datasets/{item['dataset']}/versions/2"))
        assert version["row_count"] == 300


async def test_a_model_made_without_a_record_of_its_training_is_rolled_up_and_not_judged(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    model = _watched_model(staffed_hub, owner, with_reference=False)
    async with hub_client(owner) as client:
        await _predicted(staffed_hub, client, model, _flights(0, 220))
        item = await _judged(client, model, version=1)
        assert set(_statuses(item).values()) == {"skipped"}
        assert "train it again" in item["verdict"]["findings"][0]["sentence"]


async def test_nobody_else_sees_or_takes_up_what_was_predicted(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    model = _watched_model(staffed_hub, owner)
    async with hub_client(make_member(staffed_hub.database)) as client:
        for answer in (
            await client.get(f"/api/v1/models/{model.address}/watch"),
            await client.post(f"/api/v1/models/{model.address}/watch"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


async def test_a_row_whose_writer_has_not_committed_is_waited_for(staffed_hub: StaffedHub, owner: Member) -> None:
    model = _watched_model(staffed_hub, owner)
    log = """
        SELECT definer.predictions_log(ARRAY[now()], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY['request'],
                                       ARRAY[1], ARRAY['{}']::jsonb[], ARRAY['{}']::jsonb[])
    """
    async with open_resources(staffed_hub.settings, subscribers={}) as resources:

        async def ask() -> int:
            async with transaction(resources.database, owner.scope) as tx:
                return await written_up_to(tx)

        with psycopg.connect(staffed_hub.database.dsn("owner")) as writer:
            writer.execute(log, (model.version_ids[1], owner.key_id))
            asking = asyncio.create_task(ask())
            done, _ = await asyncio.wait({asking}, timeout=0.3)
            assert not done
            writer.commit()
        up_to = await asking
    newest = "SELECT max(id) AS id FROM prediction_log WHERE model_version_id = %s"
    assert rows_of(staffed_hub.database, newest, model.version_ids[1])[0]["id"] <= up_to


def _verdict(rows: list[dict[str, Any]]) -> Verdict:
    model = OnnxModel.load(onnx_file())
    table = LogTable.of(model.signature.to_json())
    frame = pl.DataFrame(rows, infer_schema_length=None)
    answers = model.predict_frame(frame)
    assert answers.labels is not None
    assert answers.probabilities is not None
    frame = frame.with_columns(
        pl.Series(table.prediction, answers.labels.tolist()),
        pl.Series(table.probability, answers.probabilities.max(axis=1).tolist()),
        pl.lit("2026-01-01T00:00:00Z").str.to_datetime(time_zone="UTC").alias(table.predicted_at),
        pl.lit(1).alias(table.model_version),
    )
    return verdict_on(frame, table, _reference(model))


def _finding(rows: list[dict[str, Any]], aspect: str) -> Finding:
    [found] = [one for one in _verdict(rows).findings if one.aspect == aspect]
    return found


@pytest.mark.parametrize(
    "changed, aspect, title",
    [
        ({"wind": None}, "missing", "wind is missing more often than in training"),
        ({"carrier": "ZZ"}, "unseen", "carrier has values that training did not know"),
        ({"distance": 9_000}, "inputs", "distance has moved since training"),
        ({"wind": 19.0}, "answers", "The answers have moved since training"),
    ],
)
def test_each_aspect_tells_what_is_not_as_it_was(changed: dict[str, Any], aspect: str, title: str) -> None:
    rows = _flights(0, 400, **changed)
    # a share of the rows is enough
    found = _finding(rows[:200] + _flights(200, 200), aspect)
    assert (found.status, found.title) == ("failed", title)


def test_rows_like_those_of_training_pass_in_every_aspect() -> None:
    assert {found.status for found in _verdict(_flights(1_000, 1_000)).findings} == {"passed"}


def test_few_rows_are_not_judged() -> None:
    assert {found.status for found in _verdict(_flights(0, 199)).findings} == {"skipped"}


def test_an_input_may_have_any_name_that_the_log_gives_its_own_columns() -> None:
    table = LogTable.of({"inputs": [{"name": "prediction", "type": "number"}], "task": "regression"})
    assert [name for name, _ in table.columns].count("prediction") == 1
    assert table.outputs == (("prediction_", "float"),)
