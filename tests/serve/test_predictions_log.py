"""The prediction log: every predicted row, in the organisation that owns the model, and never in the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import text

from fixtures.app import eventually, rows_of
from fixtures.predictions import ask, running_predictions
from fixtures.servers import OwnServers, TestDatabase
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY, open_database
from lyceum.kernel.disk import Disk
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import transaction
from lyceum.serve.predictions import log as prediction_log
from lyceum.serve.predictions.jobs import ForgetPredictions, forget_predictions
from lyceum.serve.predictions.log import PredictionLog
from lyceum.serve.predictions.log_parts import LoggedRequest, Part, parts_of
from make.accounts import Member, make_member
from make.predictions import MadeModel, flight, make_model, onnx_file

ROOMY = Disk((Path("/"),), 0)


@pytest.fixture
def model(database: TestDatabase, tmp_path: Path, member: Member) -> MadeModel:
    return make_model(database, tmp_path, member, onnx_file(), visibility="internal")


def logged(database: TestDatabase, model: MadeModel) -> list[dict[str, Any]]:
    query = "SELECT * FROM prediction_log WHERE model_version_id = %s ORDER BY inputs->>'distance'"
    return rows_of(database, query, model.version_ids[1])


def dropped(reason: str) -> float:
    return registry.get_sample_value("lyceum_predict_log_dropped_total", {"reason": reason}) or 0.0


async def test_every_row_is_logged_for_the_owner_of_the_model(
    hub_settings: Settings, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    caller = make_member(database)
    body = msgspec.json.encode({"rows": [flight(1) | {"unknown": 1}, flight(2) | {"wind": None}]})
    began = datetime.now(UTC)
    async with running_predictions(hub_settings) as (resources, predictions):
        _, reply = await ask(predictions, model.path(), body, caller.headers | {"x-request-id": "request-1"})
        rows = await eventually(lambda: logged(database, model), what="the log is written about once a second")
        async with transaction(resources.database, caller.scope) as tx:
            assert await tx.scalar(text("SELECT count(*) FROM prediction_log")) == 0
        async with transaction(resources.database, member.scope) as tx:
            assert await tx.scalar(text("SELECT count(*) FROM prediction_log")) == 2
    without_wind = {name: value for name, value in flight(2).items() if name != "wind"}
    assert [row["inputs"] for row in rows] == [flight(1), without_wind]
    assert [row["outputs"] for row in rows] == msgspec.json.decode(reply)["predictions"]
    for row in rows:
        assert (row["org_id"], row["key_id"], row["request_id"]) == (member.org_id, caller.key_id, "request-1")
        assert began - timedelta(seconds=1) < row["at"] < datetime.now(UTC) + timedelta(seconds=1)
        assert 0 < row["duration_microseconds"] < 30_000_000


async def test_what_is_buffered_is_written_when_the_process_ends(
    hub_settings: Settings, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    async with running_predictions(hub_settings) as (_, predictions):
        body = msgspec.json.encode({"rows": [flight(number) for number in range(2_500)]})
        await ask(predictions, model.path(), body, member.headers)
    assert len(logged(database, model)) == 2_500


async def test_a_trial_is_answered_and_not_kept(
    hub_settings: Settings, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    body = msgspec.json.encode({"rows": [flight(1)]})
    async with running_predictions(hub_settings) as (_, predictions):
        plain = await ask(predictions, model.path(), body, member.headers | {"lyceum-trial": "0"})
        trial = await ask(predictions, model.path(), body, member.headers | {"lyceum-trial": "1"})
        status, told = await ask(predictions, model.path(), body, member.headers | {"lyceum-trial": "yes"})
    assert trial == plain
    assert (status, msgspec.json.decode(told)["code"]) == (400, "trial_unclear")
    assert msgspec.json.decode(told)["detail"].startswith("Lyceum-Trial is neither 1 nor 0")
    assert len(logged(database, model)) == 1


async def test_texts_that_jsonb_refuses_are_logged_with_a_mark_and_spare_their_neighbours(
    hub_settings: Settings, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    texts = ["nul \0", "no \\u0000 nul", '"quoted" \\ {braces}, comma', "Zürich ✈", ""]
    async with running_predictions(hub_settings) as (_, predictions):
        for number, carrier in enumerate(texts):
            row = flight(number) | {"carrier": carrier, "distance": number}
            status, _ = await ask(predictions, model.path(), msgspec.json.encode({"rows": [row]}), member.headers)
            assert status == 200
    kept = [row["inputs"]["carrier"] for row in logged(database, model)]
    assert kept == ["nul \ufffd", *texts[1:]]


async def test_a_row_too_large_to_keep_is_left_out_and_counted(
    hub_settings: Settings, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    before = dropped("row_too_large")
    rows = [flight(1), flight(2) | {"carrier": "x" * 100_000}, flight(3)]
    async with running_predictions(hub_settings) as (_, predictions):
        status, _ = await ask(predictions, model.path(), msgspec.json.encode({"rows": rows}), member.headers)
        assert status == 200
    assert [row["inputs"] for row in logged(database, model)] == [rows[0], rows[2]]
    assert dropped("row_too_large") - before == 1


async def test_zero_days_keep_no_log(
    hub_settings: Settings, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    async with running_predictions(hub_settings.model_copy(update={"prediction_log_days": 0})) as (_, predictions):
        status, _ = await ask(predictions, model.path(), b'{"rows": [{}]}', member.headers)
        assert status == 200
    assert logged(database, model) == []


async def test_rows_past_their_days_are_forgotten(
    hub_settings: Settings, resources: Resources, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(days=days) for days in (29, 31, 400)]
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        for age in ages:
            connection.execute(
                "INSERT INTO prediction_log VALUES (%s, %s, %s, %s, 'r', 1, '{}', '{}')",
                (now - age, member.org_id, model.version_ids[1], member.key_id),
            )

    async def progress(_fraction: float, _note: str) -> None: ...

    run = JobRun(
        job_id=new_id(),
        attempt=1,
        worker_id=new_id(),
        scope=member.scope,
        resources=resources,
        report_progress=progress,
    )
    assert (await forget_predictions(run, ForgetPredictions()))["removed"] >= 2
    assert [row["at"] for row in logged(database, model)] == [now - ages[0]]


class Row(msgspec.Struct):
    """A typed row as the runtime makes them."""

    wind: float
    carrier: str = ""


def request(model: MadeModel, member: Member, *, rows: int = 1, request_id: str = "request-1") -> LoggedRequest:
    return LoggedRequest(
        at=1e9,
        version_id=model.version_ids[1],
        key_id=member.key_id,
        request_id=request_id,
        duration_seconds=0.001,
        rows=[Row(float(number)) for number in range(rows)],
        predictions=b"[" + b",".join([b'{"value":1.0}'] * rows) + b"]",
        json_bytes=100 * rows,
    )


async def test_a_long_absence_of_the_database_drops_rows_and_says_so(
    member: Member, model: MadeModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(prediction_log, "BUFFERED_ROWS_MAX", 100)
    monkeypatch.setattr(prediction_log, "FLUSH_SECONDS", 0.01)
    before = dropped("buffer_full"), dropped("shutdown")
    gone = open_database("postgresql://nobody@/none?host=/nowhere", pool_size=1)
    log = PredictionLog(gone, ROOMY)
    log.start()
    for _ in range(15):
        log.append(request(model, member, rows=10))
    said = "predicted rows were not logged"
    await eventually(lambda: said in caplog.messages)
    await log.close()
    await gone.close()
    assert dropped("buffer_full") - before[0] == 50
    assert dropped("shutdown") - before[1] == 100
    assert [record.rows for record in caplog.records if record.message == said] == [50, 100]  # type: ignore[attr-defined]  # an extra field


async def test_without_room_on_the_disk_rows_are_dropped_and_with_it_logged_again(
    resources: Resources, database: TestDatabase, member: Member, model: MadeModel, small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(prediction_log, "FLUSH_SECONDS", 0.01)
    before = dropped("no_space")
    in_the_way = small_disk / "in the way"
    in_the_way.write_bytes(bytes(28 * 1024**2))
    log = PredictionLog(resources.database, Disk((small_disk,), None))
    log.start()
    log.append(request(model, member, rows=3))
    await eventually(lambda: dropped("no_space") - before == 3)
    in_the_way.unlink()
    log.append(request(model, member, rows=2))
    await eventually(lambda: len(logged(database, model)) == 2)
    await log.close()


async def test_a_batch_that_cannot_be_written_is_dropped_and_the_next_one_is_not(
    resources: Resources, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    before = dropped("failed")
    log = PredictionLog(resources.database, resources.disk)
    broken = request(model, member, rows=2)
    broken.predictions = b"[1]"
    log.append(broken)
    await log._flush()
    log.start()
    log.append(request(model, member))
    await log.close()
    assert dropped("failed") - before == 2
    assert [row["outputs"] for row in logged(database, model)] == [{"value": 1.0}]


def on_each_logged_row(database: TestDatabase, statement: str) -> None:
    """Have the database run a statement of PL/pgSQL for each logged row that is to come."""
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION public.on_logged() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {statement}; RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER on_logged BEFORE INSERT ON prediction_log FOR EACH ROW EXECUTE FUNCTION public.on_logged()"
        )


@asynccontextmanager
async def log_of(database: TestDatabase) -> AsyncIterator[PredictionLog]:
    """A log over a database of its own that has not begun to write; leaving closes it."""
    opened = open_database(database.app_url, pool_size=1)
    log = PredictionLog(opened, ROOMY)
    yield log
    await log.close()
    await opened.close()


@pytest.mark.parametrize("state", ["54000", "XX000", "22000", "57014"])
async def test_a_row_the_database_refuses_for_any_reason_is_dropped_alone(
    fresh_database: TestDatabase, tmp_path: Path, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = dropped("refused")
    member = make_member(fresh_database)
    model = make_model(fresh_database, tmp_path, member, onnx_file())
    fault = f"IF NEW.inputs->>'wind' = '7.0' THEN RAISE EXCEPTION 'a secret value' USING ERRCODE = '{state}'; END IF"
    on_each_logged_row(fresh_database, fault)
    async with log_of(fresh_database) as log:
        log.append(request(model, member, rows=20))
        log.append(request(model, member))
        log.start()
    kept = sorted(row["inputs"]["wind"] for row in logged(fresh_database, model))
    assert kept == sorted([*(float(number) for number in range(20) if number != 7), 0.0])
    assert dropped("refused") - before == 1
    said = next(record for record in caplog.records if record.message == "predicted rows were not logged")
    assert (said.rows, said.reasons) == (1, f"refused ({state})")  # type: ignore[attr-defined]  # extra fields
    assert "a secret value" not in caplog.text


@pytest.mark.deep
async def test_a_row_that_takes_too_long_to_write_does_not_hold_up_the_rest(
    fresh_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # long enough for a busy machine to write two rows in
    monkeypatch.setattr(prediction_log, "WRITE_SECONDS_MAX", 2.0)
    before = dropped("refused")
    member = make_member(fresh_database)
    model = make_model(fresh_database, tmp_path, member, onnx_file())
    on_each_logged_row(fresh_database, "IF NEW.request_id = 'slow-one' THEN PERFORM pg_sleep(600); END IF")
    async with log_of(fresh_database) as log:
        log.append(request(model, member, request_id="slow-one"))
        log.append(request(model, member))
        log.start()
        await eventually(lambda: len(logged(fresh_database, model)) == 1)
        log.append(request(model, member))
        await eventually(lambda: len(logged(fresh_database, model)) == 2)
    assert dropped("refused") - before == 1


async def test_while_no_connection_is_to_be_had_every_row_is_kept(
    database: TestDatabase, member: Member, model: MadeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "WRITE_SECONDS_MAX", 0.01)
    opened = open_database(database.app_url, pool_size=1)
    log = PredictionLog(opened, ROOMY)
    log.append(request(model, member, rows=3))
    async with opened.session(NOBODY) as other:
        await other.connection()
        assert not await log._flush()
    monkeypatch.setattr(prediction_log, "WRITE_SECONDS_MAX", 10.0)
    log.start()
    await log.close()
    await opened.close()
    assert len(logged(database, model)) == 3


async def test_a_batch_goes_on_where_the_database_was_lost(
    resources: Resources, database: TestDatabase, member: Member, model: MadeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PredictionLog(resources.database, resources.disk)
    log.append(request(model, member, rows=2_500))
    insert = log._insert
    lost = iter([False, True])

    async def insert_or_lose(part: Part) -> int:
        if next(lost, False):
            raise ConnectionError("away")
        return await insert(part)

    monkeypatch.setattr(log, "_insert", insert_or_lose)
    assert not await log._flush()
    assert len(logged(database, model)) == 1_000
    assert await log._flush()
    assert len(logged(database, model)) == 2_500


def test_rows_are_written_in_parts_of_a_thousand_rows_or_eight_megabytes(member: Member, model: MadeModel) -> None:
    assert [len(part) for part in parts_of([request(model, member, rows=2_500)])] == [1_000, 1_000, 500]
    large = request(model, member, rows=300)
    large.rows = [Row(1.0, "x" * 60_000)] * 300
    sizes = [len(part.document()) for part in parts_of([large])]
    assert len(sizes) == 3
    assert max(sizes) < 8.1 * 1024**2


def test_a_request_counts_as_much_as_its_rows_can_become(member: Member) -> None:
    wide = msgspec.defstruct(
        "Wide", [(f"c{number}", float | None, None) for number in range(1_000)], omit_defaults=True
    )
    of_wide = LoggedRequest(
        at=1e9,
        version_id=member.org_id,
        key_id=member.key_id,
        request_id="r" * 64,
        duration_seconds=1.0,
        rows=msgspec.json.decode(b"[" + b",".join([b"{}", b'{"c0":1e15}', b'{"c999":1}']) + b"]", type=list[wide]),  # type: ignore[valid-type]  # made here
        predictions=b'[{"value":1e15},{"value":1},{"value":2}]',
        json_bytes=80,
    )
    (part,) = parts_of([of_wide])
    assert len(part.document()) < of_wide.bytes_max()
    assert of_wide.bytes_max() >= 3 * 1_000 * 8


async def test_the_log_catches_up_after_the_database_was_away(
    own_hub_servers: OwnServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "FLUSH_SECONDS", 0.05)
    held = own_hub_servers.database
    migrate.upgrade(held.owner_url, app_role=APP_ROLE)
    member = make_member(held)
    model = make_model(held, tmp_path, member, onnx_file())
    database = open_database(held.app_url, pool_size=1)
    log = PredictionLog(database, ROOMY)
    log.start()
    log.append(request(model, member))
    await eventually(lambda: len(logged(held, model)) == 1)
    await asyncio.to_thread(own_hub_servers.kill_postgres)
    for _ in range(20):
        log.append(request(model, member))
        await asyncio.sleep(0)
    await asyncio.to_thread(own_hub_servers.start_postgres)
    await eventually(lambda: len(logged(held, model)) == 21)
    await log.close()
    await database.close()
