"""A training whose worker lost it writes nothing any more, however long it takes to learn of it."""

from uuid import UUID

import pytest

from fixtures.app import rows_of
from fixtures.queue import run_of, worker_on
from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.claims import Claims
from lyceum.kernel.jobs.ending import LeaseLost
from lyceum.kernel.resources import Resources
from lyceum.train.runs.jobs import HANDLERS, FitModel
from make.accounts import Member
from make.data import make_dataset, make_version
from make.train import make_run, make_trial, trial_facts

FIT = HANDLERS[0]
HELD_ATTEMPT = 2


@pytest.fixture
def run_id(database: TestDatabase, member: Member) -> UUID:
    dataset_id, _ = make_dataset(database, member)
    return make_run(database, member, make_version(database, member, dataset_id), state="queued")


@pytest.fixture
def holder(resources: Resources) -> Claims:
    return worker_on(resources.database)


@pytest.fixture
def job_id(database: TestDatabase, member: Member, run_id: UUID, holder: Claims) -> UUID:
    """The run's job, which runs for the second time."""
    job_id = new_id()
    rows_of(
        database,
        "INSERT INTO jobs (id, org_id, kind, lane, args, state, attempt, worker_id, lease_until)"
        " VALUES (%s, %s, 'train.fit_model', 'heavy', '{}', 'running', 2, %s, now() + interval '1 hour')",
        job_id,
        member.org_id,
        holder.worker_id,
    )
    return job_id


@pytest.mark.parametrize("attempt", [1, HELD_ATTEMPT])
async def test_only_the_attempt_that_holds_the_job_begins_a_run_over_again(
    resources: Resources,
    database: TestDatabase,
    member: Member,
    run_id: UUID,
    job_id: UUID,
    holder: Claims,
    attempt: int,
) -> None:
    make_trial(database, member, run_id, name="Linear", attempt=attempt - 1)
    run = run_of(resources, member, job_id, attempt, holder)
    if attempt != HELD_ATTEMPT:
        with pytest.raises(LeaseLost):
            await FIT.prepare(run, FitModel(run_id=run_id))
    else:
        await FIT.prepare(run, FitModel(run_id=run_id))
    assert len(_trials(database, run_id)) == (attempt != HELD_ATTEMPT)
    states = rows_of(database, "SELECT state FROM training_runs WHERE id = %s", run_id)
    assert states == [{"state": "running" if attempt == HELD_ATTEMPT else "queued"}]


@pytest.mark.parametrize("attempt", [1, HELD_ATTEMPT])
async def test_only_the_attempt_that_holds_the_job_tells_what_it_found(
    resources: Resources,
    database: TestDatabase,
    member: Member,
    run_id: UUID,
    job_id: UUID,
    holder: Claims,
    attempt: int,
) -> None:
    assert FIT.on_event is not None
    run = run_of(resources, member, job_id, attempt, holder)
    events = ({"kind": "member", "member": trial_facts("Linear", 0.7)}, {"kind": "facts", "facts": {"task": "binary"}})
    for event in events:
        if attempt != HELD_ATTEMPT:
            with pytest.raises(LeaseLost):
                await FIT.on_event(run, FitModel(run_id=run_id), event)
        else:
            await FIT.on_event(run, FitModel(run_id=run_id), event)
    assert len(_trials(database, run_id)) == (attempt == HELD_ATTEMPT)


async def test_a_deadlock_while_a_training_tells_what_it_found_is_ridden_out(
    resources: Resources, database: TestDatabase, member: Member, run_id: UUID, job_id: UUID, holder: Claims
) -> None:
    assert FIT.on_event is not None
    rows_of(
        database,
        "CREATE FUNCTION refuse_trial_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('trial_refusals') = 1 THEN RAISE EXCEPTION 'refused' USING ERRCODE = '40P01'; END IF;"
        " RETURN NEW; END $$; CREATE SEQUENCE trial_refusals; GRANT USAGE ON SEQUENCE trial_refusals TO PUBLIC;"
        " CREATE TRIGGER refuse_once BEFORE INSERT ON trials FOR EACH ROW EXECUTE FUNCTION refuse_trial_once()",
    )
    event = {"kind": "member", "member": trial_facts("Linear", 0.7)}
    try:
        await FIT.on_event(run_of(resources, member, job_id, 2, holder), FitModel(run_id=run_id), event)
    finally:
        rows_of(database, "DROP FUNCTION refuse_trial_once() CASCADE; DROP SEQUENCE trial_refusals")
    assert len(_trials(database, run_id)) == 1


def _trials(database: TestDatabase, run_id: UUID) -> list[dict[str, object]]:
    return rows_of(database, "SELECT name FROM trials WHERE run_id = %s", run_id)
