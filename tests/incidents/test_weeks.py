"""Mail of incidents arrives, and of each week one summary."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fixtures.app import eventually, job_row, rows_of, running_worker, settings_for
from fixtures.mail_server import MailServer, text_of
from fixtures.module_database import database, module_database
from fixtures.people import confirm_email
from fixtures.servers import TestDatabase
from lyceum.data.incidents.work import TellOfWeek
from lyceum.kernel.config import Settings
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.notify.jobs import HANDLERS as NOTIFY_HANDLERS
from make.accounts import Member, make_member
from make.data import make_dataset
from make.incidents import OF_INCIDENTS, make_incident, tell, trouble

__all__ = ["database", "module_database"]

HANDLERS = (*OF_INCIDENTS, *NOTIFY_HANDLERS)


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path, mail_server: MailServer) -> Settings:
    """A hub that has mail."""
    url = "https://hub.example.org"
    return settings_for(database, tmp_path, valkey_url=valkey_url, mail_url=mail_server.url(), public_url=url)


@pytest.fixture
def member(database: TestDatabase, member: Member) -> Member:
    """A member whom letters reach."""
    confirm_email(database, member)
    return member


async def test_whoever_made_the_dataset_gets_a_letter_of_its_incident(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    dataset_id, address = make_dataset(database, member)
    async with running_worker(resources, *HANDLERS):
        incident_id = await tell(resources, member, trouble(dataset_id))
        await eventually(lambda: mail_server.delivered)
    letter = mail_server.delivered[0]
    assert letter["subject"] == f"{address}, delay.mean: The mean of delay is 41, beyond 12 to 19."
    assert f"https://hub.example.org/incidents/{incident_id}" in text_of(letter)


def _result_of(database: TestDatabase, job_id: UUID) -> Any:
    return job_row(database, job_id)["result"]


async def test_a_week_is_told_once_to_those_who_say_who_is_told(
    resources: Resources, database: TestDatabase, member: Member, mail_server: MailServer
) -> None:
    make_member(database, organisation=(member.org_id, member.org_name), role="reviewer")
    dataset_id, address = make_dataset(database, member)
    now = datetime.now(UTC)
    over = {"state": "resolved", "resolution": "fixed"}
    make_incident(database, member, dataset_id, **over, resolved_at=now)
    long_ago = now - timedelta(days=30)
    make_incident(database, member, dataset_id, **over, resolved_at=long_ago, created_at=long_ago)
    old = {"created_at": long_ago, "first_seen_at": long_ago, "resolve_due_at": now - timedelta(hours=1)}
    make_incident(database, member, dataset_id, **old, title="the old one")
    # the first that opens by itself begins the weeks
    await tell(resources, member, trouble(dataset_id))
    [schedule] = rows_of(database, "SELECT kind, cron, zone FROM job_schedules WHERE org_id = %s", member.org_id)
    assert schedule == {"kind": "incidents.week", "cron": "0 7 * * 1", "zone": "UTC"}
    async with running_worker(resources, *HANDLERS):
        for told in (True, False):
            async with transaction(resources.database, member.scope) as tx:
                job_id = await enqueue(tx, TellOfWeek())
            await eventually(partial(_result_of, database, job_id))
            assert _result_of(database, job_id) == {"told": told}
        await eventually(lambda: any("week" in str(letter["subject"]) for letter in mail_server.delivered))
    told_of = "SELECT user_id, data FROM notices WHERE kind = 'incident_week' AND org_id = %s"
    [notice] = rows_of(database, told_of, member.org_id)
    assert notice["user_id"] == member.user_id
    counts = {name: notice["data"][name] for name in ("opened", "resolved", "unresolved", "overdue")}
    assert counts == {"opened": 2, "resolved": 1, "unresolved": 2, "overdue": 1}
    assert notice["data"]["most"] == f"{address} (4)"
    oldest, newer = notice["data"]["oldest"].split("; ")
    assert oldest == f"{address}, the old one ({long_ago:%Y-%m-%d})"
    assert newer == f"{address}, delay.mean ({now:%Y-%m-%d})"
