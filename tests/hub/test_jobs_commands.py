"""`lyceum jobs` against a real API."""

import json
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from fixtures.app import ServedProcess, rows_of
from fixtures.commands import lyceum, told
from fixtures.job_kinds import Light
from fixtures.queue import put
from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from make.accounts import Member


@pytest.fixture
async def dead_job(resources: Resources, member: Member, database: TestDatabase) -> UUID:
    job_id = await put(resources, member, Light(note="x"))
    rows_of(
        database,
        """UPDATE jobs SET state = 'dead', error = '{"detail": "The table has no rows."}' WHERE id = %s""",
        job_id,
    )
    return job_id


def test_a_dead_job_is_found_read_and_tried_again(
    served_api: ServedProcess, member: Member, database: TestDatabase, dead_job: UUID, tmp_path: Path
) -> None:
    line = (
        "INSERT INTO job_log (job_id, org_id, attempt, at, level, message, facts) VALUES (%s, %s, 1, now(), %s, %s, %s)"
    )
    rows_of(database, line, dead_job, member.org_id, "warning", "row skipped", '{"row": 7}')
    at = {"LYCEUM_URL": served_api.url, "LYCEUM_API_KEY": member.key}

    run = partial(told, "jobs", home=tmp_path, **at)

    header, row = run("list", "--state", "dead").splitlines()
    assert header.split() == ["ID", "STATE", "KIND", "CLASS", "TRIED", "PUT", "ERROR"]
    assert row.startswith(f"{dead_job}  dead   test.light  normal  0/5")
    assert row.endswith("The table has no rows.")
    assert json.loads(run("show", str(dead_job)))["state"] == "dead"
    assert run("logs", str(dead_job)).rstrip().endswith("warning row skipped  row=7")
    assert run("retry", str(dead_job)) == f"{dead_job} is ready.\n"
    assert run("cancel", str(dead_job)) == f"{dead_job} is cancelled.\n"
    assert run("list", "--state", "dead") == "No jobs.\n"


@pytest.mark.deep
def test_whoever_runs_the_hub_works_on_jobs_of_any_organisation(
    served_api: ServedProcess, administrator_key: str, dead_job: UUID, tmp_path: Path
) -> None:
    at = {"LYCEUM_URL": served_api.url, "LYCEUM_API_KEY": administrator_key}

    def run(*arguments: str) -> str:
        return told("jobs", *arguments, str(dead_job), "--hub", home=tmp_path, **at)

    assert lyceum("jobs", "show", str(dead_job), home=tmp_path, **at).returncode == 2
    assert json.loads(run("show"))["state"] == "dead"
    assert run("logs") == ""
    assert run("retry") == f"{dead_job} is ready.\n"
    assert run("cancel") == f"{dead_job} is cancelled.\n"


def test_whoever_runs_the_hub_lists_jobs_of_all_organisations(
    served_api: ServedProcess, administrator_key: str, dead_job: UUID, database: TestDatabase, tmp_path: Path
) -> None:
    kind = f"test.{new_id()}"
    rows_of(database, "UPDATE jobs SET kind = %s WHERE id = %s", kind, dead_job)
    at = {"LYCEUM_URL": served_api.url, "LYCEUM_API_KEY": administrator_key}

    run = partial(told, "jobs", home=tmp_path, **at)

    for arguments in (("dead",), ("list", "--hub"), ("list", "--hub", "--state", "dead")):
        header, *rows = run(*arguments).splitlines()
        assert header.split() == ["ID", "STATE", "KIND", "CLASS", "TRIED", "PUT", "ERROR"]
        [row] = [row for row in rows if row.startswith(str(dead_job))]
        assert row.split()[1:5] == ["dead", kind, "normal", "0/5"]
        assert row.endswith("The table has no rows.")
    assert [json.loads(line)["id"] for line in run("list", "--hub", "--kind", kind, "--json").splitlines()] == [
        str(dead_job)
    ]
    assert run("list", "--hub", "--kind", "test.nobodys") == "No jobs.\n"
    assert run("list", "--hub", "--kind", kind, "--state", "ready") == "No jobs.\n"


@pytest.mark.deep
def test_what_the_hub_does_not_take_is_one_sentence(
    served_api: ServedProcess, member: Member, dead_job: UUID, tmp_path: Path
) -> None:
    at = {"LYCEUM_URL": served_api.url, "LYCEUM_API_KEY": member.key}
    unknown = lyceum("jobs", "show", str(member.org_id), home=tmp_path, **at)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr == f"There is no job {member.org_id} that you may see.\n"
    not_operator = lyceum("jobs", "dead", home=tmp_path, **at)
    assert (not_operator.returncode, len(not_operator.stderr.splitlines())) == (2, 1)
    assert str(dead_job) not in not_operator.stdout


def test_without_a_hub_there_is_nothing_to_ask(tmp_path: Path) -> None:
    done = lyceum("jobs", "list", home=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)


@pytest.mark.parametrize("command", [("jobs", "list"), ("storage",)], ids=["jobs", "storage"])
def test_a_setting_that_cannot_be_used_is_one_sentence(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = lyceum(*command, home=tmp_path, LYCEUM_PORT="high")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("LYCEUM_PORT is 'high': ")
