"""Datasets, checks, runs, models and keys as a program uses them."""

import hashlib
import io
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lyceum_client import (
    AnswerUnusable,
    Client,
    Conflict,
    HubUnavailable,
    InvalidRequest,
    NotFound,
    RunFailed,
    VersionRejected,
    WaitedTooLong,
)

VERSION = {"id": "v1", "dataset": "acme/flights", "state": "pending", "file_name": "flights.csv"}
PUT_PATH = "/api/v1/uploads/u1/content"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lyceum_client.waiting.time.sleep", lambda _seconds: None)


def takes_uploads(hub: Any, *, put_url: str | None = None, complete_needed: bool = False) -> None:
    begun = {"id": "u1", "put_url": put_url or f"{PUT_PATH}?org=o&signature=s", "complete_needed": complete_needed}
    hub.will("POST", "/api/v1/uploads", begun)
    hub.will("PUT", PUT_PATH, {"id": "u1"})
    hub.will("POST", "/api/v1/uploads/u1/complete", {"id": "u1"})
    hub.will("POST", "/api/v1/datasets/acme/flights/versions", VERSION)


def test_a_file_is_streamed_with_its_size_and_progress_is_told(hub: Any, client: Client, tmp_path: Path) -> None:
    takes_uploads(hub)
    file = tmp_path / "flights.csv"
    file.write_bytes(b"a,b\n" + b"1,2\n" * 700_000)
    told: list[tuple[int, int]] = []
    version = client.datasets.upload(file, "acme/flights", on_progress=lambda sent, total: told.append((sent, total)))
    assert version.state == "pending"
    begun, put, made = hub.asked
    assert begun.json == {"file_name": "flights.csv", "byte_count": file.stat().st_size}
    assert put.headers["content-length"] == str(file.stat().st_size)
    assert hashlib.sha256(put.body).digest() == hashlib.sha256(file.read_bytes()).digest()
    assert made.json == {"upload_id": "u1"}
    assert [sent for sent, _ in told] == [1024**2, 2 * 1024**2, file.stat().st_size]


def test_what_is_known_of_a_file_is_said_to_the_hub(hub: Any, client: Client, tmp_path: Path) -> None:
    takes_uploads(hub)
    file = tmp_path / "flights.csv"
    file.write_text("1;2\n")
    client.datasets.upload(file, "acme/flights", encoding="cp1252", delimiter=";", has_header=False)
    assert hub.asked[-1].json == {"upload_id": "u1", "encoding": "cp1252", "delimiter": ";", "has_header": False}


def test_the_key_is_not_shown_to_an_object_store(hub: Any, client: Client, make_hub: Any, tmp_path: Path) -> None:
    store = make_hub()
    store.will("PUT", "/bucket/u1", None)
    takes_uploads(hub, put_url=f"{store.url}/bucket/u1?X-Amz-Signature=s", complete_needed=True)
    file = tmp_path / "flights.csv"
    file.write_text("a\n1\n")
    client.datasets.upload(file, "acme/flights", file_format="csv")
    assert "authorization" not in store.asked[0].headers
    assert store.asked[0].headers["content-length"] == "4"
    assert "transfer-encoding" not in store.asked[0].headers
    assert hub.paths() == [
        "POST /api/v1/uploads",
        "POST /api/v1/uploads/u1/complete",
        "POST /api/v1/datasets/acme/flights/versions",
    ]
    assert hub.asked[-1].json == {"upload_id": "u1", "format": "csv"}


def test_data_frames_arrive_as_parquet(hub: Any, client: Client) -> None:
    takes_uploads(hub)
    values = {"day": [datetime(2013, 1, 1), datetime(2013, 1, 2)], "late": [True, False]}  # noqa: DTZ001 naive on purpose
    for frame in (pl.DataFrame(values), pd.DataFrame(values)):
        client.datasets.upload(frame, "acme/flights")
        sent = next(asked for asked in reversed(hub.asked) if asked.method == "PUT")
        assert pl.read_parquet(io.BytesIO(sent.body)).to_dict(as_series=False) == values
    assert {asked.json["file_name"] for asked in hub.asked if asked.path == "/api/v1/uploads"} == {"flights.parquet"}


@pytest.mark.parametrize(
    "table, error", [("nowhere.csv", FileNotFoundError), (".", IsADirectoryError), (42, TypeError)]
)
def test_what_is_no_table_is_refused_before_anything_is_sent(
    hub: Any, client: Client, table: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.datasets.upload(table, "acme/flights")
    assert hub.asked == []


def test_waiting_ends_with_the_version_or_its_refusal(hub: Any, client: Client, tmp_path: Path) -> None:
    takes_uploads(hub)
    file = tmp_path / "flights.csv"
    file.write_text("a\n1\n")
    pending = client.datasets.upload(file, "acme/flights")
    accepted = VERSION | {
        "state": "accepted",
        "number": 1,
        "table_schema": {"columns": [{"name": "a", "type": "integer"}]},
    }
    hub.will("GET", "/api/v1/dataset-versions/v1", VERSION, VERSION, accepted)
    version = client.datasets.wait(pending)
    assert version.number == 1
    assert version.table_schema is not None
    assert [column.name for column in version.table_schema.columns] == ["a"]
    problem = {"status": 422, "code": "ragged_rows", "detail": "flights.csv, line 3 has 3 fields."}
    hub.will("GET", "/api/v1/dataset-versions/v1", VERSION | {"state": "rejected", "error": problem})
    with pytest.raises(VersionRejected, match="line 3") as refused:
        client.datasets.wait(pending)
    assert (refused.value.status, refused.value.code) == (422, "ragged_rows")
    hub.will("GET", "/api/v1/dataset-versions/v1", VERSION)
    with pytest.raises(WaitedTooLong, match=r"flights\.csv has not ended after 0 seconds"):
        client.datasets.wait(pending, timeout_seconds=0)


def test_a_list_is_read_page_after_page(hub: Any, client: Client) -> None:
    hub.will(
        "GET",
        "/api/v1/datasets",
        {"items": [{"address": "acme/a"}, {"address": "acme/b"}], "next": "c1"},
        {"items": [{"address": "acme/c"}], "next": None},
    )
    assert [dataset.address for dataset in client.datasets.list()] == ["acme/a", "acme/b", "acme/c"]
    assert [asked.path.partition("?")[2] for asked in hub.asked] == ["limit=100", "limit=100&cursor=c1"]


def test_a_change_says_what_it_was_made_from_and_only_what_is_given(hub: Any, client: Client) -> None:
    hub.will("PATCH", "/api/v1/datasets/acme/flights", {"address": "acme/flights", "description": "", "revision": 8})
    changed = client.datasets.update("acme/flights", description="", column_notes={}, revision=7)
    assert (changed.description, changed.revision) == ("", 8)
    [asked] = hub.asked
    assert asked.headers["if-match"] == '"7"'
    assert asked.json == {"description": "", "column_notes": {}}


STALE = {"status": 412, "code": "revision_stale", "detail": "Changed.", "newest": {"revision": 8}}


def test_a_change_of_what_was_not_read_is_sent_again_when_somebody_was_first(hub: Any, client: Client) -> None:
    path = "/api/v1/datasets/acme/flights"
    hub.will("GET", path, {"revision": 7}, {"revision": 8})
    hub.will("PATCH", path, hub.answer(412, STALE), {"revision": 9})
    assert client.datasets.update("acme/flights", visibility="public").revision == 9
    sent = [asked.headers["if-match"] for asked in hub.asked if asked.method == "PATCH"]
    assert sent == ['"7"', '"8"']


@pytest.mark.parametrize("revision, problem, times", [(None, STALE, 4), (7, STALE, 1), (None, {"code": "other"}, 1)])
def test_a_change_that_is_refused_is_not_sent_for_ever(
    hub: Any, client: Client, revision: int | None, problem: dict[str, Any], times: int
) -> None:
    hub.will("GET", "/api/v1/datasets/acme/flights", {"revision": 7})
    hub.will("PATCH", "/api/v1/datasets/acme/flights", hub.answer(412, problem))
    with pytest.raises(Conflict) as refused:
        client.datasets.update("acme/flights", description="x", revision=revision)
    assert refused.value.problem == problem
    assert [asked.method for asked in hub.asked].count("PATCH") == times


def test_a_version_is_named_after_the_at_sign(hub: Any, client: Client) -> None:
    hub.will("GET", "/api/v1/datasets/acme/flights/versions/3/preview", {"columns": ["a"], "rows": [[1], [None]]})
    hub.will("GET", "/api/v1/datasets/acme/flights/versions/latest/profile", {"rows": 2})
    assert client.datasets.preview("acme/flights@3", limit=2).rows == ((1,), (None,))
    assert client.datasets.profile("acme/flights") == {"rows": 2}
    with pytest.raises(ValueError, match="organisation/name"):
        client.datasets.get("flights")


def test_checks_that_fail_are_results_and_checks_that_could_not_run_an_error(hub: Any, client: Client) -> None:
    hub.will("POST", "/api/v1/datasets/acme/flights/versions/latest/check-runs", {"id": "c1", "state": "queued"})
    failed = {
        "check_id": "k",
        "status": "failed",
        "failing_count": 1,
        "failing_rows": [{"row": 1, "line": 2, "values": {"a": 1}}],
    }
    hub.will(
        "GET",
        "/api/v1/check-runs/c1",
        {"id": "c1", "state": "queued"},
        {"id": "c1", "state": "failed", "results": [failed]},
    )
    run = client.checks.run("acme/flights")
    assert run.state == "failed"
    assert run.results[0].failing_rows[0].line == 2
    hub.will(
        "GET", "/api/v1/check-runs/c1", {"id": "c1", "state": "errored", "error": {"detail": "The table is gone."}}
    )
    with pytest.raises(RunFailed, match="The table is gone"):
        client.checks.run("acme/flights")


def test_failing_rows_of_a_check_run_are_quarantined(hub: Any, client: Client) -> None:
    pending = {"id": "v1", "dataset": "acme/bad", "state": "pending"}
    hub.will("POST", "/api/v1/check-runs/c1/quarantine", pending)
    assert client.checks.quarantine("c1", "bad", check_id="k").dataset == "acme/bad"
    assert hub.asked[-1].json == {"dataset": "bad", "check_id": "k"}


def test_records_are_looked_at_and_the_first_that_fail_are_named(hub: Any, client: Client) -> None:
    found = {"check_id": "k", "name": "a.not_null", "holds": False, "failing_count": 1, "first_failing": [2]}
    told = {"records": 2, "holds": False, "items": [found], "undecided": [{"name": "row_count", "why": "whole_table"}]}
    hub.will("POST", "/api/v1/datasets/acme/flights/checks/records", told)
    answer = client.checks.of_records("acme/flights", [{"a": 1.5}, {"a": float("nan")}])
    assert (answer.holds, answer.items[0].first_failing, answer.undecided[0].why) == (False, (2,), "whole_table")
    assert hub.asked[-1].json == [{"a": 1.5}, {"a": None}]


def test_a_run_is_watched_until_it_has_ended(hub: Any, client: Client) -> None:
    row = {"name": "LightGBM", "score": 0.7}
    hub.will("POST", "/api/v1/runs", {"id": "r1", "state": "queued"})
    states: list[dict[str, Any]] = [
        {"state": "queued"},
        {"state": "queued"},
        {"state": "running", "leaderboard": [row]},
        {"state": "finished", "score": 0.75},
    ]
    hub.will("GET", "/api/v1/runs/r1", *({"id": "r1"} | state for state in states))
    run = client.runs.start("acme/flights", target="late", time_limit_seconds=20, leave_out={"dep_delay": "too late"})
    assert hub.asked[0].json == {
        "dataset": "acme/flights",
        "target": "late",
        "time_limit_seconds": 20,
        "leave_out": {"dep_delay": "too late"},
    }
    seen = list(client.runs.watch(run.id))
    assert [each.state for each in seen] == ["queued", "running", "finished"]
    assert seen[1].leaderboard[0].score == 0.7
    hub.will(
        "GET",
        "/api/v1/runs/r1",
        {"id": "r1", "state": "failed", "error": {"status": 422, "detail": "The target is constant."}},
    )
    with pytest.raises(RunFailed, match="constant"):
        client.runs.wait("r1")


def test_predictions_take_rows_as_people_have_them(hub: Any, client: Client) -> None:
    answers = {"model": "acme/flights", "version": 2, "predictions": [{"label": True, "probabilities": {"true": 0.8}}]}
    hub.will("POST", "/api/v1/models/acme/flights@champion/predict", hub.answer(200, answers, {"x-request-id": "q1"}))
    row = {"carrier": "UA", "temp": float("nan"), "at": datetime(2013, 1, 1, 5, tzinfo=timezone.utc), "n": np.int64(3)}
    told = client.models.predict("acme/flights@champion", row, trial=True)
    assert hub.asked[-1].headers["lyceum-trial"] == "1"
    assert (told.version, told.request_id, told.predictions[0].label, told.predictions[0].probabilities) == (
        2,
        "q1",
        True,
        {"true": 0.8},
    )
    sent = {"carrier": "UA", "temp": None, "at": "2013-01-01T05:00:00+00:00", "n": 3}
    frame = pd.DataFrame([row | {"at": pd.NaT}])
    for rows, expected in (([row], sent), (pl.DataFrame([row]), sent), (frame, sent | {"at": None})):
        client.models.predict("acme/flights@champion", rows)
        assert hub.asked[-1].json == {"rows": [expected]}
    with pytest.raises(TypeError, match="cannot be sent"):
        client.models.predict("acme/flights@champion", {"a": object()})


def test_a_download_is_whole_or_not_there(hub: Any, client: Client, tmp_path: Path) -> None:
    hub.will(
        "GET",
        "/api/v1/models/acme/flights",
        {"address": "acme/flights", "aliases": {"champion": 2}, "latest_version": 3},
    )
    hub.will("GET", "/api/v1/models/acme/flights/versions/2/artifact", hub.answer(200, b"\x08onnx" * 100_000))
    path = client.models.download("acme/flights@champion", tmp_path / "model.onnx")
    assert path.read_bytes() == b"\x08onnx" * 100_000
    hub.will("GET", "/api/v1/models/acme/flights/versions/3/artifact", hub.answer(422, {"detail": "No longer kept."}))
    with pytest.raises(InvalidRequest, match="No longer kept"):
        client.models.download("acme/flights", tmp_path / "other.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_a_download_that_breaks_off_is_the_hub_being_away(hub: Any, client: Client, tmp_path: Path) -> None:
    path = "/api/v1/models/acme/flights/versions/2/artifact"
    hub.will("GET", path, hub.cut_short(b"\x08onnx" * 100_000))
    with pytest.raises(HubUnavailable, match="broke"):
        client.models.download("acme/flights@2", tmp_path / "model.onnx")
    hub.will("GET", path, hub.cut_short(b"{", status=422))
    with pytest.raises(HubUnavailable, match="broke"):
        client.models.download("acme/flights@2", tmp_path / "model.onnx")
    hub.will("GET", path, hub.answer(200, b"onnx", {"content-encoding": "gzip"}))
    with pytest.raises(AnswerUnusable, match="not compressed"):
        client.models.download("acme/flights@2", tmp_path / "model.onnx")
    hub.will("GET", path, hub.answer(200, b"onnx", {"repr-digest": "sha-256=:AAAA:"}))
    with pytest.raises(AnswerUnusable, match="is not what the hub has"):
        client.models.download("acme/flights@2", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_version_is_found_by_number_by_alias_and_as_the_latest(hub: Any, client: Client) -> None:
    model = {"address": "acme/flights", "aliases": {"champion": 2}, "latest_version": 3}
    hub.will("GET", "/api/v1/models/acme/flights", model)
    for number in (1, 2, 3):
        hub.will("GET", f"/api/v1/models/acme/flights/versions/{number}", {"number": number})
    found = [client.models.version(f"acme/flights{which}").number for which in ("@1", "@champion", "@latest", "")]
    assert found == [1, 2, 3, 3]
    for unknown in ("shadow", "²"):
        with pytest.raises(NotFound, match=f"no version or alias '{unknown}'; its aliases: champion"):
            client.models.version(f"acme/flights@{unknown}")
    hub.will("GET", "/api/v1/models/acme/flights", model | {"aliases": {}, "latest_version": None})
    with pytest.raises(NotFound, match="no version or alias 'latest'; its aliases: none"):
        client.models.version("acme/flights")


def test_a_keys_secret_is_not_shown_by_accident(hub: Any, client: Client) -> None:
    hub.will(
        "POST",
        "/api/v1/api-keys",
        {"id": "k1", "name": "notebook", "prefix": "lyk_ab", "secret": "lyk_abc", "scopes": ["a"]},
    )
    key = client.keys.create(
        "notebook", scopes=["models:predict"], expires_at=datetime(2030, 1, 1, tzinfo=timezone.utc)
    )
    assert key.secret == "lyk_abc"
    assert "lyk_abc" not in repr(key)
    assert hub.asked[0].json["expires_at"] == "2030-01-01T00:00:00+00:00"


def test_what_a_hub_keeps_is_asked_once_a_page_and_no_further_than_wanted(hub: Any, client: Client) -> None:
    damaged = {"organisation": "acme", "key": "uploads/x", "problem": "missing", "found_at": "2026-01-02T03:04:05Z"}
    disk = {"total_bytes": 10, "free_bytes": 5, "free_bytes_min": 1}
    pages = [
        {"disk": disk, "damaged": [damaged], "items": [{"id": "1", "organisation": "acme"}], "next": "c"},
        {"disk": disk, "damaged": [damaged], "items": [{"id": "2", "organisation": "other"}], "next": None},
    ]
    hub.will("GET", "/api/v1/hub/storage", *pages)
    told = client.storage.of_hub()
    assert [one.organisation for one in told.organisations] == ["acme", "other"]
    assert (told.disk.free_bytes, told.damaged[0].key, told.damaged[0].found_at.year) == (5, "uploads/x", 2026)
    assert len(hub.asked) == 2
    hub.will("GET", "/api/v1/hub/storage", *pages)
    assert len(client.storage.of_hub(limit=1).organisations) == 1
    assert len(hub.asked) == 3
