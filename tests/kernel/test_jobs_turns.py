"""Turns: classes by their weights, organisations by what they have had, and workers that take only some jobs."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest

from fixtures.app import eventually, job_row, rows_of, running_worker
from fixtures.job_kinds import Heard, Heavy, Light, heavy_handler, light_handlers
from fixtures.own_database import resources
from fixtures.queue import CLASSES, fail_once, fill, put, worker_on
from fixtures.servers import TestDatabase
from lyceum.kernel.jobs.claims import Attempt, Claims, Wanted
from lyceum.kernel.resources import Resources
from make.accounts import make_member

__all__ = ["resources"]

CLAIMS = 2_000
AT_ONCE = 20
POINTS = 0.05
POINTS_IN_CLASS = {"high": POINTS, "normal": POINTS, "background": 2 * POINTS}
"""Of so many claims, some two hundred are of the last."""
JOB_SECONDS = 10.0
"""Long beside what a busy machine adds to a job: turns go by time, and so do counts only where each job lasts as long."""


class OnGpu(Light, frozen=True, kw_only=True):
    kind = "test.class_normal"
    label: ClassVar[str] = "gpu"


async def run_jobs(
    worker: Claims, database: TestDatabase, *, jobs: int, seconds_of: dict[UUID, float] | None = None
) -> Counter[Any]:
    """Claim and finish so many jobs; return how many were of each organisation, of each class, and of both.

    Each lasted as long as `seconds_of` says of its organisation.
    """
    counted: Counter[Any] = Counter()
    while counted["all"] < jobs:
        rows = await worker.claim("light", AT_ONCE)
        if not rows:
            break
        attempts = [Attempt(row.id, row.attempt) for row in rows]
        await worker.start(attempts)
        for org_id, seconds in (seconds_of or {}).items():
            began = "UPDATE jobs SET started_at = started_at - %s WHERE org_id = %s AND state = 'running'"
            rows_of(database, began, timedelta(seconds=seconds), org_id)
        await worker.finish(dict.fromkeys(attempts, "null"))
        counted.update(row.org_id for row in rows)
        counted.update(row.job_class for row in rows)
        counted.update((row.job_class, row.org_id) for row in rows)
        counted["all"] += len(rows)
    return counted


@pytest.mark.deep
async def test_two_thousand_claims_are_fair_to_classes_and_organisations(
    resources: Resources, fresh_database: TestDatabase
) -> None:
    members = [make_member(fresh_database) for _ in range(4)]
    for number, member in enumerate(members):
        # one that floods the queue gets no more than the others
        fill(fresh_database, member, dict.fromkeys(CLASSES, 1_500 if number else 4_000))
    rows_of(fresh_database, "ANALYZE jobs")
    seconds = {member.org_id: JOB_SECONDS for member in members}
    counted = await run_jobs(worker_on(resources.database), fresh_database, jobs=CLAIMS, seconds_of=seconds)
    for member in members:
        assert counted[member.org_id] / CLAIMS == pytest.approx(1 / len(members), abs=POINTS)
    for job_class, share in zip(CLASSES, (0.6, 0.3, 0.1), strict=True):
        assert counted[job_class] / CLAIMS == pytest.approx(share, abs=POINTS)
        for member in members:
            of_class = counted[job_class, member.org_id] / counted[job_class]
            assert of_class == pytest.approx(1 / len(members), abs=POINTS_IN_CLASS[job_class])


@pytest.mark.deep
async def test_what_an_organisation_has_in_one_class_counts_in_the_others(
    resources: Resources, fresh_database: TestDatabase
) -> None:
    everywhere, only_normal = [make_member(fresh_database) for _ in range(2)]
    fill(fresh_database, everywhere, {"high": 2_000, "normal": 1_500})
    fill(fresh_database, only_normal, {"normal": 1_500})
    rows_of(fresh_database, "ANALYZE jobs")
    worker = worker_on(resources.database)
    seconds = {member.org_id: JOB_SECONDS for member in (everywhere, only_normal)}
    counted = await run_jobs(worker, fresh_database, jobs=CLAIMS, seconds_of=seconds)
    assert counted["high"] / CLAIMS == pytest.approx(6 / 9, abs=POINTS)
    assert counted["high", everywhere.org_id] == counted["high"]
    # it has more than half of all slots already, so the other one has this class to itself
    assert counted["normal", only_normal.org_id] / counted["normal"] == pytest.approx(1.0, abs=POINTS)
    # and where it has had nothing elsewhere, the class is shared
    rows_of(fresh_database, "DELETE FROM jobs WHERE class = 'high'")
    rows_of(fresh_database, "TRUNCATE job_usage")
    counted = await run_jobs(worker, fresh_database, jobs=CLAIMS // 4, seconds_of=seconds)
    assert counted["normal", only_normal.org_id] / counted["normal"] == pytest.approx(0.5, abs=POINTS)


async def test_an_organisation_whose_jobs_take_twice_as_long_has_half_as_many(
    resources: Resources, fresh_database: TestDatabase
) -> None:
    slow, quick = members = [make_member(fresh_database) for _ in range(2)]
    for member in members:
        fill(fresh_database, member, {"normal": 1_500})
    seconds = {slow.org_id: 20.0, quick.org_id: 10.0}
    counted = await run_jobs(worker_on(resources.database), fresh_database, jobs=900, seconds_of=seconds)
    assert counted[slow.org_id] / 900 == pytest.approx(1 / 3, abs=POINTS)


async def test_an_organisation_that_comes_new_is_next(resources: Resources, fresh_database: TestDatabase) -> None:
    old, new = [make_member(fresh_database) for _ in range(2)]
    fill(fresh_database, old, {"normal": 500})
    worker = worker_on(resources.database)
    await run_jobs(worker, fresh_database, jobs=100, seconds_of={old.org_id: 60.0})
    job_id = await put(resources, new, OnlyNormal())
    assert job_id in {row.id for row in await worker.claim("light", 1)}


async def test_what_runs_counts_before_it_has_ended(resources: Resources, fresh_database: TestDatabase) -> None:
    busy, idle = members = [make_member(fresh_database) for _ in range(2)]
    worker = worker_on(resources.database)
    fill(fresh_database, busy, {"normal": 4})
    await worker.start([Attempt(row.id, 1) for row in await worker.claim("light", 4)])
    rows_of(fresh_database, "UPDATE jobs SET started_at = now() - interval '1 hour'")
    for member in members:
        fill(fresh_database, member, {"normal": 4})
    assert {row.org_id for row in await worker.claim("light", 4)} == {idle.org_id}


async def test_an_organisation_has_no_more_running_at_once_than_its_cap(
    resources: Resources, fresh_database: TestDatabase
) -> None:
    member = make_member(fresh_database)
    fill(fresh_database, member, {"normal": 10})
    worker = worker_on(resources.database)
    capped = replace(worker, wanted=replace(worker.wanted, at_once_max={"light": 3}))
    rows = await capped.claim("light", 10)
    assert len(rows) == 3
    assert await capped.claim("light", 10) == []
    attempts = [Attempt(row.id, 1) for row in rows]
    await capped.start(attempts)
    await capped.finish({attempts[0]: "null"})
    assert len(await capped.claim("light", 10)) == 1


@pytest.mark.usefixtures("children_import_tests")
async def test_a_worker_keeps_to_the_cap_of_trainings_an_organisation(
    resources: Resources, fresh_database: TestDatabase, tmp_path: Path
) -> None:
    capped, other = [make_member(fresh_database) for _ in range(2)]
    paths = [tmp_path / name for name in ("first", "second", "others")]
    jobs = [
        await put(resources, member, Heavy(what="slowly", path=str(path)))
        for member, path in zip((capped, capped, other), paths, strict=True)
    ]
    wanted = {"worker_heavy_at_once_an_organisation_max": 1, "worker_heavy_memory_bytes_max": 1024**3}
    settings = resources.settings.model_copy(update=wanted)
    async with running_worker(replace(resources, settings=settings), heavy_handler(Heard()), heavy_slots=3) as worker:
        await eventually(lambda: paths[0].exists() and paths[2].exists())
        assert await worker._take("heavy", 1) == 0
        assert [job_row(fresh_database, job)["state"] for job in jobs] == ["running", "ready", "running"]
        paths[0].with_suffix(".go").touch()
        await eventually(paths[1].exists)
        for path in paths:
            path.with_suffix(".go").touch()
        await eventually(lambda: {job_row(fresh_database, job)["state"] for job in jobs} == {"done"})


async def test_a_worker_takes_only_its_classes(resources: Resources, fresh_database: TestDatabase) -> None:
    fill(fresh_database, make_member(fresh_database), dict.fromkeys(CLASSES, 5))
    worker = worker_on(resources.database)
    chosen = replace(worker, wanted=replace(worker.wanted, classes=("high", "background")))
    assert Counter(row.job_class for row in await chosen.claim("light", 20)) == {"high": 5, "background": 5}


async def test_a_labelled_job_is_left_to_a_worker_that_bears_the_label(
    resources: Resources, fresh_database: TestDatabase
) -> None:
    member = make_member(fresh_database)
    labelled, plain = await put(resources, member, OnGpu()), await put(resources, member, OnlyNormal())
    worker = worker_on(resources.database)
    assert [row.id for row in await worker.claim("light", 10)] == [plain]
    bearer = replace(worker, wanted=Wanted(worker.wanted.kinds, labels=("gpu", "")))
    assert [row.id for row in await bearer.claim("light", 10)] == [labelled]


async def test_a_worker_takes_what_bears_its_labels_first(resources: Resources, fresh_database: TestDatabase) -> None:
    member = make_member(fresh_database)
    plain, labelled = (
        await put(resources, member, OnlyNormal(note="plain")),
        await put(resources, member, OnGpu(note="gpu")),
    )
    settings = resources.settings.model_copy(update={"worker_labels": ("gpu",)})
    heard = Heard()
    async with running_worker(replace(resources, settings=settings), *light_handlers(heard, OnGpu), light_slots=1):
        done = "SELECT 1 FROM jobs WHERE state = 'done' AND id IN (%s, %s)"
        await eventually(lambda: len(rows_of(fresh_database, done, plain, labelled)) == 2)
    assert [note for note, _ in heard.ran] == ["gpu", "plain"]


async def test_what_was_taken_of_one_label_is_kept_when_the_next_cannot_be_asked_for(
    resources: Resources, fresh_database: TestDatabase
) -> None:
    member = make_member(fresh_database)
    labelled, plain = await put(resources, member, OnGpu()), await put(resources, member, OnlyNormal())
    fail_once(fresh_database, "NEW.label = ''", sqlstate="40001")
    worker = worker_on(resources.database)
    bearer = replace(worker, wanted=Wanted(worker.wanted.kinds, labels=("gpu", "")))
    assert [row.id for row in await bearer.claim("light", 10)] == [labelled]
    assert [row.id for row in await bearer.claim("light", 10)] == [plain]


class OnlyNormal(Light, frozen=True, kw_only=True):
    kind = "test.class_normal"
