"""What followers are told of a job is what has been written of it, and nothing else."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fixtures.app import eventually, job_row, rows_of, running_worker, settings_for
from fixtures.job_kinds import Heard, Light, light_handlers
from fixtures.own_database import member, resources
from fixtures.queue import call_off, fail_once, put
from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.news import stream_of_organisation
from lyceum.kernel.realtime.news import news_since
from lyceum.kernel.resources import Resources, open_resources
from make.accounts import Member

__all__ = ["member", "resources"]

Told = Callable[[], Awaitable[list[Any]]]

pytestmark = pytest.mark.usefixtures("patient_with_valkey")


class Growing(Light, frozen=True, kw_only=True):
    kind = "test.growing"
    needs_room: ClassVar[bool] = True


@pytest.fixture(autouse=True)
def _no_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only by its own writing does a worker find out that a job is another's."""
    monkeypatch.setattr("lyceum.kernel.jobs.worker.BEAT_SECONDS_MAX", 3600.0)


@pytest.fixture
async def told(resources: Resources, member: Member) -> Told:
    """Return which states followers of the organisation's jobs were told since the test began."""
    stream = stream_of_organisation(member.org_id)
    began = (await news_since(resources.line, stream, None)).position

    async def states() -> list[Any]:
        return [json.loads(news)["state"] for _, news in (await news_since(resources.line, stream, began)).news]

    return states


def _give_to_another(database: TestDatabase) -> None:
    rows_of(database, "UPDATE jobs SET worker_id = %s WHERE state IN ('claimed', 'running')", new_id())


async def test_of_a_start_that_was_anothers_nothing_is_told(
    resources: Resources, fresh_database: TestDatabase, member: Member, told: Told
) -> None:
    job_id = await put(resources, member, Light())
    async with running_worker(resources, *light_handlers(Heard()), light_slots=0, lease_seconds=14_400) as worker:
        await worker._take("light", 1)
        _give_to_another(fresh_database)
        await eventually(lambda: not worker._running)
    assert job_row(fresh_database, job_id)["state"] == "claimed"
    assert await told() == ["ready"]


async def test_of_a_start_that_could_not_be_written_nothing_is_told(
    resources: Resources, fresh_database: TestDatabase, member: Member, told: Told
) -> None:
    job_id = await put(resources, member, Light())
    fail_once(fresh_database, "NEW.state = 'running'", sqlstate="22000")
    async with running_worker(resources, *light_handlers(Heard()), light_slots=0, lease_seconds=14_400) as worker:
        await worker._take("light", 1)
        await eventually(lambda: not worker._running)
    assert job_row(fresh_database, job_id)["state"] == "claimed"
    assert await told() == ["ready"]


@pytest.mark.parametrize("end", ["called off", "given back", "done"])
async def test_of_an_end_that_changed_nothing_nothing_is_told(
    resources: Resources,
    fresh_database: TestDatabase,
    member: Member,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.worker.WORKER_DRAIN_SECONDS", 0.01 if end == "given back" else 20.0)
    job_id = await put(resources, member, Light(note="wait"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard), lease_seconds=14_400) as worker:
        await eventually(lambda: heard.ran)
        _give_to_another(fresh_database)
        if end == "called off":
            worker._stop_job(job_id, "cancel")
        if end == "done":
            heard.release.set()
        await eventually(lambda: end == "given back" or (not worker._running and not worker._finishes.attempts))
    assert job_row(fresh_database, job_id)["state"] == "running"
    assert await told() == ["ready"]
    assert worker._news._org_ids == {}


@pytest.mark.parametrize("end", ["cancelled", "ready", "done"])
async def test_of_an_end_that_was_written_its_state_is_told(
    resources: Resources, member: Member, told: Told, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.worker.WORKER_DRAIN_SECONDS", 0.01 if end == "ready" else 20.0)
    job_id = await put(resources, member, Light(note="wait"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard), lease_seconds=14_400) as worker:
        await eventually(lambda: heard.ran)
        if end == "cancelled":
            await call_off(resources, member, job_id)
        if end == "done":
            heard.release.set()
        await eventually(lambda: end == "ready" or not worker._running)
    assert await told() == ["ready", end]


async def test_that_a_job_waits_for_room_is_told(
    fresh_database: TestDatabase, member: Member, told: Told, tmp_path: Path, valkey_url: str
) -> None:
    settings = settings_for(fresh_database, tmp_path, valkey_url=valkey_url, disk_free_bytes_min=1 << 60)
    async with open_resources(settings) as crowded:
        job_id = await put(crowded, member, Growing())
        async with running_worker(crowded, *light_handlers(Heard(), Growing)):
            await eventually(lambda: job_row(fresh_database, job_id)["state"] == "scheduled")
    assert await told() == ["ready", "scheduled"]
