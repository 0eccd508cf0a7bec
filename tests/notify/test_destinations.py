"""Destinations take what the hub sends, and what is secret about them is shown to nobody again."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, eventually, rows_of, running_app, running_worker, settings_for
from fixtures.far_http import LOOPBACK, FarAnswer, FarRequest, far_http
from fixtures.module_database import database, module_database
from fixtures.receivers import ROUTING_KEY, SLACK_PATH, Receiver, careful, documented_check, pagerduty, slack
from fixtures.servers import TestDatabase
from lyceum.kernel.config import Settings
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.notify.jobs import HANDLERS
from lyceum.notify.kinds import KINDS
from lyceum.notify.previews import sample_of
from lyceum.notify.wire import PAGERDUTY_URL, Secrets, Told, for_pagerduty, for_slack, for_webhook
from make.accounts import Member, make_member
from make.notices import run_failed, run_finished, tell

__all__ = ["database", "module_database"]

Run = Callable[[Receiver], Any]


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, outward_allowed_networks=",".join(LOOPBACK))


@pytest.fixture
async def served() -> AsyncIterator[Run]:
    """A function that serves a receiver and returns its address."""
    async with AsyncExitStack() as stack:

        async def serve(receiver: Receiver) -> str:
            return (await stack.enter_async_context(far_http(receiver.answer))).url

        yield serve


@pytest.fixture
async def mine(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as client:
        yield client


async def make(mine: httpx.AsyncClient, member: Member, **more: Any) -> dict[str, Any]:
    wanted = {"name": "ours", "notice_kinds": ["run_finished", "run_failed"]} | more
    made = await mine.post(f"/api/v1/organisations/{member.org_name}/destinations", json=wanted)
    assert made.status_code == 201, made.text
    result: dict[str, Any] = made.json()
    return result


def path_of(member: Member, destination: dict[str, Any]) -> str:
    return f"/api/v1/organisations/{member.org_name}/destinations/{destination['id']}"


async def test_slack_takes_a_notice(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, served: Run
) -> None:
    receiver = Receiver(slack)
    made = await make(mine, member, kind="slack", url=f"{await served(receiver)}{SLACK_PATH}")
    assert made["secret"] is None
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished(dataset="<!channel> & <http://evil.example.org|x>"))
        await eventually(lambda: receiver.taken or receiver.refused)
    assert receiver.refused == []
    message = receiver.taken[0]
    assert "<!channel>" not in message["text"]
    assert "&lt;!channel&gt; &amp;" in message["text"]
    assert f"<{resources.settings.base_url}/runs/1|Open the run>" in message["blocks"][1]["text"]["text"]
    await eventually(lambda: rows_of(database, "SELECT 1 FROM destinations WHERE last_sent_at IS NOT NULL"))


async def test_pagerduty_takes_a_notice_and_knows_it_again(
    mine: httpx.AsyncClient, resources: Resources, member: Member, served: Run
) -> None:
    receiver = Receiver(pagerduty)
    url = f"{await served(receiver)}/v2/enqueue"
    await make(mine, member, kind="pagerduty", routing_key=ROUTING_KEY, url=url)
    async with running_worker(resources, *HANDLERS):
        for _ in range(2):
            await tell(resources, member, run_failed(reason="x" * 2000))
        await eventually(lambda: len(receiver.taken) == 2 or receiver.refused)
    assert receiver.refused == []
    assert {event["payload"]["severity"] for event in receiver.taken} == {"warning"}
    assert len({event["dedup_key"] for event in receiver.taken}) == 1


async def test_a_webhook_is_signed_as_the_page_for_operators_says(
    mine: httpx.AsyncClient, resources: Resources, member: Member, served: Run
) -> None:
    made: dict[str, Any] = {}
    receiver = Receiver(careful(lambda: str(made["secret"])))
    made |= await make(mine, member, kind="webhook", url=f"{await served(receiver)}/in")
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished())
        await eventually(lambda: receiver.taken or receiver.refused)
    assert receiver.refused == []
    assert receiver.taken[0]["data"]["dataset"] == "main/flights"
    assert receiver.taken[0]["organisation"] == member.org_name


def told(kind: str = "run_failed") -> Told:
    return Told(new_id(), kind, sample_of(KINDS[kind]), datetime.now(UTC), "main")


def test_what_was_changed_or_is_old_or_signed_by_others_is_not_genuine() -> None:
    now = int(datetime.now(UTC).timestamp())
    sent = for_webhook(Secrets("https://x.example.org", "s"), told(), hub="https://hub.example.org", sent_at=now)
    assert documented_check(sent.headers, sent.content, "s")
    assert not documented_check(sent.headers, sent.content + b" ", "s")
    assert not documented_check(sent.headers, sent.content, "other")
    assert not documented_check(sent.headers | {"lyceum-timestamp": str(now + 1)}, sent.content, "s")
    old = for_webhook(Secrets("https://x.example.org", "s"), told(), hub="https://hub.example.org", sent_at=now - 301)
    assert not documented_check(old.headers, old.content, "s")


@pytest.mark.parametrize("kind", [kind for kind, notice in KINDS.items() if notice.of_organisation])
def test_every_kind_that_may_be_sent_on_is_taken_by_all(kind: str) -> None:
    hub, notice = "https://hub.example.org", told(kind)
    for judge, sent, path in (
        (slack, for_slack(Secrets("https://x.example.org"), notice, hub=hub), SLACK_PATH),
        (pagerduty, for_pagerduty(Secrets(PAGERDUTY_URL, ROUTING_KEY), notice, hub=hub), "/v2/enqueue"),
    ):
        answer = judge(FarRequest("POST", path, sent.headers, sent.content))
        assert answer.status < 300, answer.body


async def test_a_destination_that_is_away_is_asked_again_and_one_that_refuses_is_not(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, served: Run
) -> None:
    receiver = Receiver(slack, answers=[503])
    made = await make(mine, member, kind="slack", url=f"{await served(receiver)}{SLACK_PATH}")
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished())
        hurry = "UPDATE jobs SET run_at = now() WHERE state = 'scheduled' RETURNING 1"
        await eventually(lambda: rows_of(database, hurry) or receiver.taken)
        await eventually(lambda: receiver.taken)
        receiver.answers.append(403)
        await tell(resources, member, run_failed())
        dead = await eventually(lambda: rows_of(database, "SELECT error, org_id FROM jobs WHERE state = 'dead'"))
    assert dead[0]["error"]["code"] == "destination_refused"
    # the organisation sees it among its jobs, and may try it again
    assert dead[0]["org_id"] == member.org_id
    listed = (await mine.get(f"/api/v1/organisations/{member.org_name}/destinations")).json()["items"]
    assert listed[0]["id"] == made["id"]
    assert "403" in listed[0]["last_error"]


async def test_only_kinds_that_were_asked_for_are_sent(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member
) -> None:
    await make(mine, member, kind="slack", url="https://hooks.example.org/x", notice_kinds=["run_failed"])
    await tell(resources, member, run_finished())
    await tell(resources, make_member(database), run_failed())
    count = "SELECT args FROM jobs WHERE kind = 'notify.send_to_destination'"
    assert rows_of(database, count) == []
    await tell(resources, member, run_failed())
    args = rows_of(database, count)
    assert len(args) == 1
    assert "hooks.example.org" not in str(args)


async def test_the_test_button_sends_a_sample_and_tells_what_came_back(
    mine: httpx.AsyncClient, member: Member, served: Run
) -> None:
    receiver = Receiver(slack)
    made = await make(mine, member, kind="slack", url=f"{await served(receiver)}{SLACK_PATH}")
    tried = await mine.post(f"{path_of(member, made)}/test")
    assert (tried.status_code, tried.json()["status"]) == (200, 200)
    assert len(receiver.taken) == 1
    for status, code in ((404, "destination_refused"), (500, "destination_away")):
        receiver.answers.append(status)
        refused = await mine.post(f"{path_of(member, made)}/test")
        assert refused.json()["code"] == code
        assert SLACK_PATH not in refused.text


async def test_an_address_inside_the_hubs_network_is_not_asked(
    database: TestDatabase, tmp_path: Path, valkey_url: str, member: Member, served: Run
) -> None:
    receiver = Receiver(slack)
    url = await served(receiver)
    async with (
        running_app(settings_for(database, tmp_path, valkey_url=valkey_url)) as closed,
        client_of(closed, key=member.key) as mine,
    ):
        made = await make(mine, member, kind="webhook", url=f"{url}/latest/meta-data")
        refused = await mine.post(f"{path_of(member, made)}/test")
    assert (refused.status_code, refused.json()["code"]) == (422, "address_refused")
    assert receiver.taken == []
    assert receiver.refused == []


async def test_secrets_lie_sealed_and_are_shown_once(
    mine: httpx.AsyncClient, database: TestDatabase, member: Member
) -> None:
    made = await make(mine, member, kind="webhook", url="https://hooks.example.org/a/secret/path")
    assert made["secret"].startswith("lyw_")
    shown = (await mine.get(f"/api/v1/organisations/{member.org_name}/destinations")).text
    row = rows_of(database, "SELECT * FROM destinations")[0]
    for secret in (made["secret"], "secret/path"):
        assert secret not in shown
        assert secret.encode() not in row["sealed"]
        assert secret not in str({**row, "sealed": None})


@pytest.mark.parametrize(
    "wanted, code",
    [
        ({"kind": "slack"}, "destination_invalid"),
        ({"kind": "webhook", "url": "https://x.example.org", "routing_key": ROUTING_KEY}, "destination_invalid"),
        ({"kind": "pagerduty", "routing_key": "short"}, "destination_invalid"),
        ({"kind": "webhook", "url": "file:///etc/passwd"}, "address_refused"),
        ({"kind": "webhook", "url": "https://u:p@x.example.org"}, "address_refused"),
        ({"kind": "slack", "url": "https://x.example.org", "notice_kinds": ["new_sign_in"]}, "kind_unknown"),
    ],
)
async def test_a_destination_that_cannot_be_is_refused(
    mine: httpx.AsyncClient, member: Member, wanted: dict[str, Any], code: str
) -> None:
    body = {"name": "x", "notice_kinds": ["run_failed"]} | wanted
    refused = await mine.post(f"/api/v1/organisations/{member.org_name}/destinations", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_destinations_are_their_owners(
    app: FastAPI, mine: httpx.AsyncClient, database: TestDatabase, member: Member, stranger: Member
) -> None:
    made = await make(mine, member, kind="slack", url="https://hooks.example.org/x")
    maintainer = make_member(database, organisation=(member.org_id, member.org_name), role="maintainer")
    base = f"/api/v1/organisations/{member.org_name}/destinations"
    for who, status in ((stranger, 404), (maintainer, 403)):
        async with client_of(app, key=who.key) as other:
            assert (await other.get(base)).status_code == status
            assert (await other.delete(path_of(member, made))).status_code == status
            assert (await other.post(f"{path_of(member, made)}/test")).status_code == status
    async with client_of(app, key=stranger.key) as other:
        assert (await other.delete(path_of(stranger, made))).status_code == 404
    assert (await mine.delete(path_of(member, made))).status_code == 204
    assert (await mine.delete(path_of(member, made))).status_code == 404


async def test_a_redirect_inside_is_not_followed(mine: httpx.AsyncClient, member: Member) -> None:
    there = "http://169.254.169.254/latest/meta-data"
    async with far_http(lambda _: FarAnswer(307, {"location": there})) as far:
        made = await make(mine, member, kind="webhook", url=far.url)
        refused = await mine.post(f"{path_of(member, made)}/test")
    assert refused.json()["code"] == "address_refused"
