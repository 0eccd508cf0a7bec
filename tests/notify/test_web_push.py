"""Web push reaches a browser through a push service that checks what the real ones check."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from fastapi import FastAPI

from fixtures.app import eventually, rows_of, running_worker, settings_for
from fixtures.far_http import LOOPBACK, FarServer, far_http
from fixtures.mail_server import Authority
from fixtures.module_database import database, module_database
from fixtures.people import as_person
from fixtures.push_service import Browser, PushService, b64, unb64
from fixtures.servers import TestDatabase
from lyceum.kernel.config import Settings
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import Sealer
from lyceum.notify.errors import SubscriptionInvalid
from lyceum.notify.jobs import HANDLERS
from lyceum.notify.pushing import SUBSCRIPTIONS_MAX, hub_key
from lyceum.notify.web_push import BrowserKeys, encrypted
from make.accounts import Member
from make.notices import run_failed, run_finished, tell

__all__ = ["database", "module_database"]

# RFC 8291, appendix A
RFC_PLAIN = b"When I grow up, I want to be a watermelon"
RFC_OWN = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
RFC_POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
RFC_AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
RFC_SALT = "DGv6ra1nlYgDCS1FRnbzlw"
RFC_MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, outward_allowed_networks=",".join(LOOPBACK))


@pytest.fixture
async def service(
    app: FastAPI, member: Member, authority: Authority, trusts_authority: None
) -> AsyncIterator[PushService]:
    """A push service with one browser of `member` behind it."""
    service = PushService()
    async with far_http(service.answer, tls=authority.serving("localhost")) as far:
        service.origin = localhost(far)
        async with as_person(app, member) as mine:
            service.hub_key = (await mine.get("/api/v1/push-key")).json()["public_key"]
            made = await mine.post("/api/v1/push-subscriptions", json=wanted(service))
            assert made.status_code == 201, made.text
            assert made.json()["service"] == "localhost"
        yield service


def localhost(far: FarServer) -> str:
    return f"https://localhost:{far.port}"


def wanted(service: PushService, number: int = 1) -> dict[str, Any]:
    return service.browser.subscription(f"{service.origin}/push/{number}") | {"device": "Firefox on Linux"}


def test_the_example_of_the_rfc_comes_out_to_the_byte() -> None:
    own = derive_private_key(int.from_bytes(unb64(RFC_OWN), "big"), SECP256R1())
    keys = BrowserKeys.of_text(RFC_POINT, RFC_AUTH)
    assert b64(encrypted(RFC_PLAIN, keys, own=own, salt=unb64(RFC_SALT))) == RFC_MESSAGE


def test_no_two_messages_are_alike() -> None:
    browser = Browser()
    keys = BrowserKeys(browser.point, browser.auth)
    messages = {encrypted(b"the same", keys) for _ in range(3)}
    assert len(messages) == 3
    assert {browser.read(message) for message in messages} == {b"the same"}


@pytest.mark.parametrize(
    "p256dh, auth",
    [(b64(b"\x04" + bytes(64)), RFC_AUTH), (RFC_POINT, "short"), ("*", RFC_AUTH), (RFC_POINT[:-4], RFC_AUTH)],
)
def test_keys_that_are_none_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(SubscriptionInvalid):
        BrowserKeys.of_text(p256dh, auth)


async def test_a_notice_reaches_the_browser_and_nobody_between_reads_it(
    resources: Resources, member: Member, service: PushService
) -> None:
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished())
        await eventually(lambda: service.received or service.refused)
    assert service.refused == []
    message = service.received[0]
    assert message["title"] == "Training on main/flights is finished"
    assert message["url"] == f"{resources.settings.base_url}/runs/1"
    assert message["kind"] == "run_finished"


async def test_a_message_is_small_enough_whatever_it_is_about(
    resources: Resources, member: Member, service: PushService
) -> None:
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_failed(reason="ß" * 900, dataset="漢" * 900, target="🦉" * 900))
        await eventually(lambda: service.received or service.refused)
    assert service.refused == []


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(
    resources: Resources, database: TestDatabase, member: Member, service: PushService, status: int
) -> None:
    service.answers.append(status)
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished())
        await eventually(lambda: not rows_of(database, "SELECT 1 FROM push_subscriptions"))
        await eventually(lambda: rows_of(database, PUSHED))
    assert service.received == []


HURRY = "UPDATE jobs SET run_at = now() WHERE state = 'scheduled' RETURNING 1"
PUSHED = "SELECT 1 FROM jobs WHERE kind = 'notify.push_to_browser' AND state = 'done'"


@pytest.mark.deep
async def test_a_service_that_is_busy_is_asked_again_and_one_that_refuses_is_not(
    resources: Resources, database: TestDatabase, member: Member, service: PushService
) -> None:
    service.answers += [429, 503]
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, run_finished())
        for _ in range(2):
            await eventually(lambda: rows_of(database, HURRY) or service.received)
        await eventually(lambda: service.received)
        service.answers.append(413)
        await tell(resources, member, run_failed())
        dead = await eventually(lambda: rows_of(database, "SELECT error FROM jobs WHERE state = 'dead'"))
    assert dead[0]["error"]["code"] == "push_refused"


async def test_the_key_is_made_once_and_lies_sealed(app: FastAPI, database: TestDatabase, member: Member) -> None:
    async with as_person(app, member) as mine:
        keys = {(await mine.get("/api/v1/push-key")).json()["public_key"] for _ in range(3)}
    assert len(keys) == 1
    assert len(unb64(keys.pop())) == 65
    sealed = rows_of(database, "SELECT sealed FROM hub_secrets")
    assert len(sealed) == 1
    assert len(sealed[0]["sealed"]) == 12 + 32 + 16


async def test_under_another_secret_key_the_hub_makes_another_key_and_forgets_whom_it_cannot_reach(
    resources: Resources, database: TestDatabase, member: Member, service: PushService
) -> None:
    other = replace(resources, sealer=Sealer(b"another key of the hub"))
    async with running_worker(other, *HANDLERS):
        await tell(other, member, run_finished())
        await eventually(lambda: not rows_of(database, "SELECT 1 FROM push_subscriptions"))
    assert (await hub_key(other)).public not in {service.hub_key, ""}
    assert (await hub_key(other)).public == (await hub_key(other)).public


async def test_where_a_browser_is_reached_lies_sealed(database: TestDatabase, service: PushService) -> None:
    row = rows_of(database, "SELECT * FROM push_subscriptions")[0]
    for secret in (b"/push/1", b64(service.browser.auth).encode()):
        assert secret not in row["sealed"]
    assert service.origin not in str({**row, "sealed": None})


async def test_a_browser_is_its_last_users_and_can_be_removed_by_them_alone(
    app: FastAPI, database: TestDatabase, member: Member, stranger: Member, service: PushService
) -> None:
    async with as_person(app, member) as mine, as_person(app, stranger) as theirs:
        first = (await mine.get("/api/v1/push-subscriptions")).json()["subscriptions"]
        again = await mine.post("/api/v1/push-subscriptions", json=wanted(service))
        assert again.json()["id"] == first[0]["id"]
        path = f"/api/v1/push-subscriptions/{first[0]['id']}"
        assert (await theirs.delete(path)).status_code == 404
        taken = await theirs.post("/api/v1/push-subscriptions", json=wanted(service))
        assert taken.status_code == 201
        assert (await mine.get("/api/v1/push-subscriptions")).json()["subscriptions"] == []
        assert (await theirs.delete(f"/api/v1/push-subscriptions/{taken.json()['id']}")).status_code == 204
    assert rows_of(database, "SELECT 1 FROM push_subscriptions") == []


async def test_somebody_has_so_many_browsers_and_no_more(app: FastAPI, member: Member, service: PushService) -> None:
    async with as_person(app, member) as mine:
        for number in range(2, SUBSCRIPTIONS_MAX + 3):
            await mine.post("/api/v1/push-subscriptions", json=wanted(service, number))
        assert len((await mine.get("/api/v1/push-subscriptions")).json()["subscriptions"]) == SUBSCRIPTIONS_MAX


@pytest.mark.parametrize(
    "endpoint", ["http://push.example.org/1", "file:///etc/passwd", "https://u:p@push.example.org/1"]
)
async def test_an_endpoint_that_is_none_is_refused(app: FastAPI, member: Member, endpoint: str) -> None:
    async with as_person(app, member) as mine:
        refused = await mine.post("/api/v1/push-subscriptions", json=Browser().subscription(endpoint))
    assert refused.status_code == 422


async def test_an_endpoint_inside_the_hubs_network_is_not_asked(
    resources: Resources, database: TestDatabase, member: Member, service: PushService
) -> None:
    closed = resources.settings.model_copy(update={"outward_allowed_networks": ()})
    async with running_worker(replace(resources, settings=closed), *HANDLERS):
        await tell(resources, member, run_finished())
        dead = await eventually(lambda: rows_of(database, "SELECT error FROM jobs WHERE state = 'dead'"))
    assert dead[0]["error"]["code"] == "address_refused"
    assert service.received == []
