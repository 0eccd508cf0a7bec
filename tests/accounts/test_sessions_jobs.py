"""What is forgotten of sessions, links and guesses, and when."""

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.accounts.sessions.jobs import (
    ForgetSessions,
    RotateSigningKeys,
    forget_sessions,
    rotate_signing_keys,
)
from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.resources import Resources
from make.accounts import Member


def job_run(resources: Resources) -> JobRun:
    async def unseen(_fraction: float, _note: str) -> None: ...

    return JobRun(new_id(), 1, new_id(), Scope(), resources, unseen)


async def test_what_ended_a_month_ago_is_forgotten_and_nothing_else(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    for days in (29, 31):
        session = (
            "INSERT INTO sessions (id, user_id, signed_in_with, device, address, expires_at) "
            "VALUES (%s, %s, 'password', 'd', 'a', now() - make_interval(days => %s))"
        )
        link = (
            "INSERT INTO one_time_links (id, kind, user_id, email, data, expires_at) "
            "VALUES (%s, 'reset_password', %s, 'e', '{}', now() - make_interval(days => %s))"
        )
        for statement in (session, link):
            rows_of(database, statement, new_id(), member.user_id, days)
    for name, age in ((member.org_name, 1), (f"{member.org_name}-new", -1)):
        guess = (
            "INSERT INTO failed_guesses (name, failures, forget_at) VALUES (%s, 1, now() - make_interval(hours => %s))"
        )
        rows_of(database, guess, name, age)
    done = await forget_sessions(job_run(resources), ForgetSessions())
    assert min(done.values()) >= 1
    for table in ("sessions", "one_time_links"):
        ended = f"SELECT extract(day FROM now() - expires_at)::int AS days FROM {table} WHERE user_id = %s"
        assert rows_of(database, ended, member.user_id) == [{"days": 29}]
    left = rows_of(database, "SELECT name FROM failed_guesses WHERE name LIKE %s", f"{member.org_name}%")
    assert [row["name"] for row in left] == [f"{member.org_name}-new"]


async def test_a_hub_nobody_has_signed_in_to_needs_no_key_yet(fresh_resources: Resources) -> None:
    assert await rotate_signing_keys(job_run(fresh_resources), RotateSigningKeys()) == {"made": 0, "forgotten": 0}
