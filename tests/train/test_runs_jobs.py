"""Trainings by a real worker: the main job, targets that cannot be learned, calling off."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from fixtures.app import rows_of
from fixtures.processes import stat_of
from fixtures.staffed import StaffedHub, csv_of, dataset_with, ended_run, ok, until
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]
END_SECONDS_MAX = 3.0
"""A second is promised; the tests may share two cores with others."""


def flights(rows: int = 300, *, seed: int = 0) -> pl.DataFrame:
    """A small table with texts, dates and missing values, and a target that can be learned from it."""
    rng = np.random.default_rng(seed)
    carrier = rng.choice(["AA", "UA", "DL"], rows)
    wind = rng.normal(10, 4, rows)
    late = (wind + 6 * (carrier == "UA") + rng.normal(0, 2, rows)) > 13
    return pl.DataFrame(
        {
            "carrier": [None if i % 17 == 0 else name for i, name in enumerate(carrier)],
            "day": [date(2013, 1, 1) + timedelta(days=int(i)) for i in rng.integers(0, 150, rows)],
            "wind": [None if i % 11 == 0 else round(float(value), 2) for i, value in enumerate(wind)],
            "gate": [f"G{i % 40}" for i in range(rows)],
            "late": ["late" if value else "on time" for value in late],
            "delay": np.round(wind * 3 + 20 * late, 1),
        }
    )


async def _start(client: httpx.AsyncClient, address: str, target: str, **more: Any) -> Any:
    wanted = {"dataset": address, "target": target, "time_limit_seconds": 3} | more
    return await ok(client.post("/api/v1/runs", json=wanted), 202)


async def _trained(client: httpx.AsyncClient, address: str, target: str, **more: Any) -> Any:
    return await ended_run(client, (await _start(client, address, target, **more))["id"])


async def test_the_main_job_from_a_file_to_answers(
    hub_client: Client, owner: Member, outsider: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(
            client, csv_of(flights()), file_name="flights.csv", column_notes={"delay": "known after landing"}
        )
        # long enough that importances are found on a machine with other work, too
        begun = await _start(client, address, "late", leave_out={"delay": ""}, time_limit_seconds=8)
        live = await until(
            lambda: ok(client.get(f"/api/v1/runs/{begun['id']}")),
            lambda run: run["leaderboard"] or (run["state"] != "running" and run["state"] != "queued"),
        )
        assert live["state"] == "running"
        assert (live["task"], live["metric"], live["greater_is_better"]) == ("binary", "roc_auc", True)
        assert live["columns_left_out"]["delay"] == "known after landing"
        assert 0 <= live["progress"]["fraction"] <= 1
        run = await ended_run(client, begun["id"])
        assert run["state"] == "finished", run["error"]
        assert run["score"] > 0.7 > run["baseline"]
        assert run["progress"] is None
        told = rows_of(staffed_hub.database, "SELECT kind, data FROM notices WHERE user_id = %s", owner.user_id)
        assert [(notice["kind"], notice["data"]["dataset"]) for notice in told] == [("run_finished", address)]
        assert told[0]["data"]["score"] == f"{run['score']:.4f}"
        scores = [entry["score"] for entry in run["leaderboard"]]
        assert scores == sorted(scores, reverse=True)
        assert sum(entry["weight"] for entry in run["leaderboard"]) == pytest.approx(1)

        report = await ok(client.get(f"/api/v1/runs/{run['id']}/report"))
        _is_whole(report, rows=300)
        assert report["score"] == run["score"]
        assert report["parity"]["within_tolerance"] is True
        assert report["parity"]["rows"] == report["holdout_rows"]

        version = await ok(client.post(f"/api/v1/runs/{run['id']}/register", json={"name": "flights"}), 201)
        assert version["parity"] == report["parity"]
        sent = await client.get(f"/api/v1/models/{version['model']}/versions/1/artifact")
        assert hashlib.sha256(sent.content).hexdigest() == version["artifact_sha256"]
        rows = [sample["row"] for sample in report["sample_rows"]]
        answer = await ok(client.post(f"/api/v1/models/{version['model']}/predict", json={"rows": rows}))
        assert (answer["model"], answer["version"], len(answer["predictions"])) == (version["model"], 1, len(rows))
        right = [
            sample["truth"] == predicted["label"]
            for sample, predicted in zip(report["sample_rows"], answer["predictions"], strict=True)
        ]
        assert sum(right) > len(right) / 2
    async with hub_client(outsider) as client:
        assert (await client.post(f"/api/v1/models/{version['model']}/predict", json={"rows": rows})).status_code == 404
    assert len(rows_of(staffed_hub.database, "SELECT * FROM model_versions WHERE operation_id = %s", run["id"])) == 1


def _is_whole(report: dict[str, Any], *, rows: int) -> None:
    assert report["training_rows"] + report["holdout_rows"] == rows
    assert report["classes"] == ["late", "on time"]
    assert {"accuracy", "log_loss", "f1_macro", "roc_auc", "average_precision", "brier"} == set(report["metrics"])
    assert report["importances"][0]["column"] in {"wind", "carrier"}
    assert [report["roc"][axis][0] for axis in ("fpr", "tpr")] == [0, 0]
    assert sum(report["calibration"]["rows"]) == report["holdout_rows"]
    assert sum(map(sum, report["confusion"]["counts"])) == report["holdout_rows"]
    assert report["predicted_vs_true"] is None
    assert report["residuals"] is None
    assert len(report["sample_rows"]) == 20
    assert "late" not in report["sample_rows"][0]["row"]


async def test_numbers_are_learned_too(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(flights()))
        run = await _trained(client, address, "delay", time_limit_seconds=2)
        assert (run["state"], run["task"], run["metric"]) == ("finished", "regression", "rmse")
        assert run["score"] < run["baseline"]
        report = await ok(client.get(f"/api/v1/runs/{run['id']}/report"))
    assert {"rmse", "mae", "r2"} == set(report["metrics"])
    assert len(report["predicted_vs_true"]["true"]) == report["holdout_rows"]
    assert sum(report["residuals"]["counts"]) == report["holdout_rows"]
    assert report["confusion"] is report["roc"] is None


def _small(target: list[Any]) -> bytes:
    frame = pl.DataFrame({"x": [i / 3 for i in range(len(target))], "c": [f"c{i % 3}" for i in range(len(target))]})
    return csv_of(frame.with_columns(pl.Series("y", target, strict=False)))


@pytest.mark.parametrize(
    "target, code, said",
    [
        (["a"], "too_few_rows", "only 1 row"),
        pytest.param(["a", "b"], "too_few_rows", "only 2 rows", marks=pytest.mark.deep),
        pytest.param([1.5, 2.5, 3.5, 4.5, 5.5], "too_few_rows", "only 5 rows", marks=pytest.mark.deep),
        pytest.param(list("ab") * 5, "too_few_rows", "only 10 rows", marks=pytest.mark.deep),
        pytest.param(list("ab") * 11, "too_few_rows", "25", marks=pytest.mark.deep),
        pytest.param(["same"] * 40, "constant", "'same'", marks=pytest.mark.deep),
        ([None] * 40, "all_null", "missing"),
        pytest.param(
            [f"text {i}" for i in range(40)], "unique_text", "different text in every row", marks=pytest.mark.deep
        ),
        pytest.param([*map(str, range(100, 130)), *["n/a!"] * 10], "mixed_type", "mixes", marks=pytest.mark.deep),
        pytest.param(
            [f"2013-01-{1 + i % 28:02}" for i in range(40)],
            "unsupported_type",
            "cannot be predicted",
            marks=pytest.mark.deep,
        ),
    ],
)
async def test_a_target_that_cannot_be_learned_fails_the_run_in_one_sentence(
    hub_client: Client, owner: Member, target: list[Any], code: str, said: str
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, _small(target))
        run = await _trained(client, address, "y")
        assert run["state"] == "failed"
        assert run["error"]["code"] == code, run["error"]
        assert said in run["error"]["detail"]
        assert "\n" not in run["error"]["detail"]
        job = await ok(client.get(f"/api/v1/jobs/{run['job_id']}"))
        assert (job["state"], job["attempt"]) == ("dead", 1)
        assert (await client.get(f"/api/v1/runs/{run['id']}/report")).status_code == 409


@pytest.mark.parametrize(
    "target, noted",
    [
        pytest.param(list("ab") * 13, None, marks=pytest.mark.deep),
        ([*["a"] * 40, "b", "b"], "one class"),
        pytest.param([*["a"] * 30, *["b"] * 30, "once"], "single row", marks=pytest.mark.deep),
        pytest.param(list(range(10)) * 3, None, marks=pytest.mark.deep),
        ([0.5 * i for i in range(30)], None),
        pytest.param([True, False, None] * 20, "without a value", marks=pytest.mark.deep),
    ],
)
async def test_a_tiny_table_that_can_be_learned_is(
    hub_client: Client, owner: Member, target: list[Any], noted: str | None
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, _small(target))
        run = await _trained(client, address, "y", time_limit_seconds=1)
        assert run["state"] == "finished", run["error"]
        report = await ok(client.get(f"/api/v1/runs/{run['id']}/report"))
        assert noted is None or any(noted in note for note in report["notes"]), report["notes"]
        version = await ok(client.post(f"/api/v1/runs/{run['id']}/register", json={"name": "tiny"}), 201)
        rows = [sample["row"] for sample in report["sample_rows"]]
        answer = await ok(client.post(f"/api/v1/models/{version['model']}/predict", json={"rows": rows}))
        assert len(answer["predictions"]) == len(rows) == min(20, report["holdout_rows"])


@pytest.mark.deep
async def test_nothing_left_to_learn_from_fails_the_run_in_one_sentence(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, _small(list("ab") * 20))
        run = await _trained(client, address, "y", leave_out={"x": "late", "c": ""})
    assert (run["state"], run["error"]["code"]) == ("failed", "table_unusable")
    assert "x: late; c: left out as asked" in run["error"]["detail"]


async def test_a_running_training_is_called_off_within_a_second_and_its_process_is_gone(
    hub_client: Client, owner: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(flights(3000)))
        begun = await _start(client, address, "late", time_limit_seconds=300)
        await until(lambda: ok(client.get(f"/api/v1/runs/{begun['id']}")), lambda run: run["leaderboard"])
        computing = max(_processes_of_jobs(), key=_cpu_ticks)
        assert _cpu_ticks(computing) > 0
        asked = asyncio.get_running_loop().time()
        await ok(client.post(f"/api/v1/runs/{begun['id']}/cancel"))
        run = await ended_run(client, begun["id"])
        took = asyncio.get_running_loop().time() - asked
        job = await ok(client.get(f"/api/v1/jobs/{begun['job_id']}"))
    assert (run["state"], run["error"]["code"], run["score"]) == ("cancelled", "cancelled", None)
    assert job["state"] == "cancelled"
    assert took < END_SECONDS_MAX, f"{took:.1f} s"
    await until(_listed, lambda listed: computing not in listed, seconds=END_SECONDS_MAX)


async def _listed() -> set[tuple[int, str]]:
    return _processes_of_jobs()


def _processes_of_jobs() -> set[tuple[int, str]]:
    """Return the number and the start of each process below this one that computes jobs or waits for one."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _is_ours(int(entry.name)):
            stat = stat_of(int(entry.name))
            # one that has ended stays listed until its parent asks for it
            if stat and stat[0] != "Z":
                found.add((int(entry.name), stat[19]))
    return found


def _cpu_ticks(process: tuple[int, str]) -> int:
    stat = stat_of(process[0])
    return int(stat[11]) + int(stat[12]) if stat else 0


def _is_ours(pid: int) -> bool:
    chain = []
    while pid > 1:
        stat = stat_of(pid)
        try:
            chain.append(Path(f"/proc/{pid}/cmdline").read_bytes())
        except OSError:
            return False
        if not stat:
            return False
        pid = int(stat[1])
        if pid == os.getpid():
            return any(b"lyceum.kernel.jobs.guard" in command for command in chain)
    return False
