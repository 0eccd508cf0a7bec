"""What may be read, who may say so, and what is shown of it."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from fixtures.app import client_of, rows_of, settings_for
from fixtures.far_http import LOOPBACK, FarAnswer, FarRequest, far_http
from fixtures.kafka import Broker
from fixtures.servers import TestDatabase
from fixtures.staffed import new_dataset, ok
from fixtures.streaming import Clients, make_stream, until_stream
from lyceum.data.streams.connecting import StreamSecrets, plan_of
from lyceum.data.streams.errors import BrokerAway, BrokerRefuses
from lyceum.data.streams.models import StreamRow
from lyceum.data.streams.registry import fetch_schema
from lyceum.data.streams.trying import TryDeadLetter, try_again
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.resources import Resources, open_resources
from make.accounts import Member, make_member
from make.data import make_dataset, make_version
from make.streams import make_dead_letter, make_stream_row

SASL = {"protocol": "sasl_plaintext", "mechanism": "PLAIN", "username": "u", "password": "tell-nobody"}
STREAM = {"name": "s", "servers": ["203.0.113.7:9092"], "topic": "t"}


async def test_secrets_are_sealed_never_shown_and_kept_when_something_else_changes(
    client: httpx.AsyncClient, database: TestDatabase
) -> None:
    address = await new_dataset(client)
    registry = {"url": "https://203.0.113.7/registry", "username": "r", "password": "nor-this"}
    wanted = STREAM | {"security": SASL, "registry": registry}
    made = await client.post(f"/api/v1/datasets/{address}/streams", json=wanted)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert shown["security"] == {
        "protocol": "sasl_plaintext",
        "mechanism": "PLAIN",
        "username": "u",
        "has_authorities": False,
        "has_certificate": False,
    }
    path = f"/api/v1/streams/{shown['id']}"
    row = "SELECT s::text AS text, secrets_sealed FROM streams s WHERE id = %s"
    [before] = rows_of(database, row, UUID(shown["id"]))
    assert not any(word in before["text"] + made.text for word in ("tell-nobody", "nor-this"))
    changed = await client.patch(path, json={"flush_rows": 7}, headers={"if-match": made.headers["etag"]})
    assert (changed.status_code, changed.json()["flush_rows"]) == (200, 7)
    [after] = rows_of(database, row, UUID(shown["id"]))
    assert bytes(after["secrets_sealed"]) == bytes(before["secrets_sealed"])
    stale = await client.patch(path, json={"flush_rows": 8}, headers={"if-match": made.headers["etag"]})
    assert (stale.status_code, stale.json()["code"]) == (412, "revision_stale")
    [listed] = (await ok(client.get(f"/api/v1/datasets/{address}/streams")))["items"]
    assert (listed["name"], listed["revision"], listed["new_fields"]) == ("s", 2, "dead_letter")
    twin = await client.post(f"/api/v1/datasets/{address}/streams", json=STREAM | {"name": "S"})
    assert (twin.status_code, twin.json()["code"]) == (409, "stream_exists")


@pytest.mark.parametrize(
    "more, said",
    [
        ({"servers": ["no port"]}, "is no broker"),
        ({"servers": ["a:70000"]}, "is no broker"),
        ({"servers": ["a:1\nsasl.username=x"]}, "is no broker"),
        ({"security": {"protocol": "sasl_tls"}}, "needs a mechanism"),
        ({"security": SASL | {"protocol": "tls"}}, "takes no mechanism"),
        ({"security": {"certificate": "x", "key": "y"}}, "takes no certificates"),
        ({"security": {"protocol": "tls", "certificate": "x"}}, "go together"),
        ({"registry": {"url": "file:///etc/passwd"}}, "https://"),
        ({"registry": {"username": "x"}}, "own registry"),
        ({"topic": "^.*"}, "topic"),
    ],
)
async def test_what_cannot_be_read_like_that_is_refused(
    client: httpx.AsyncClient, more: dict[str, Any], said: str
) -> None:
    address = await new_dataset(client)
    refused = await client.post(f"/api/v1/datasets/{address}/streams", json=STREAM | more)
    assert (refused.status_code, said in refused.text) == (422, True), refused.text


async def test_a_viewer_sees_streams_and_changes_none_and_a_stranger_sees_none(
    client: httpx.AsyncClient, app: Any, database: TestDatabase, member: Member, stranger: Member
) -> None:
    viewer = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    async with client_of(app, key=member.key) as owner:
        address = await new_dataset(owner)
        made = await ok(owner.post(f"/api/v1/datasets/{address}/streams", json=STREAM), 201)
    path = f"/api/v1/streams/{made['id']}"
    async with client_of(app, key=viewer.key) as looking:
        assert (await looking.get(path)).status_code == 200
        assert (await looking.post(f"{path}/pause")).status_code == 403
    async with client_of(app, key=stranger.key) as away:
        for asked in (path, f"{path}/dead-letters"):
            assert (await away.get(asked)).status_code == 404
        assert (await away.delete(path)).status_code == 404


async def test_a_broker_in_a_network_that_is_not_allowed_stops_the_stream(
    stream_clients: Clients, streamer: Member
) -> None:
    async with stream_clients(streamer) as client:
        address = await new_dataset(client)
        made = await ok(
            client.post(f"/api/v1/datasets/{address}/streams", json=STREAM | {"servers": ["10.0.0.1:9092"]}), 201
        )
        stopped = await until_stream(client, made["id"], lambda stream: stream["state"] == "stopped")
        assert "10.0.0.1, which is not a public address" in stopped["error"]
        assert "LYCEUM_OUTWARD_ALLOWED_NETWORKS" in stopped["error"]


async def test_a_topic_or_a_broker_that_is_not_there_is_said_and_looked_for_again(
    stream_clients: Clients, streamer: Member, broker: Broker
) -> None:
    async with stream_clients(streamer) as client:
        address = await new_dataset(client)
        away = await make_stream(client, address, broker, "t", name="away", servers=["127.0.0.1:9"])
        later = await make_stream(client, address, broker, "no-such-topic", name="later")
        shown = await until_stream(client, later["id"], lambda stream: stream["error"] is not None)
        assert (shown["state"], "no topic 'no-such-topic'" in shown["error"]) == ("running", True), shown
        shown = await until_stream(client, away["id"], lambda stream: stream["error"] is not None)
        assert (shown["state"], "cannot be reached" in shown["error"]) == ("running", True), shown


async def test_a_registry_elsewhere_is_asked_with_its_password_for_a_schema_and_what_it_builds_on(
    database: TestDatabase, tmp_path: Path
) -> None:
    basic = "Basic " + base64.b64encode(b"r:secret").decode()
    inner = {"schema": '{"type": "record", "name": "Inner", "fields": []}'}
    outer = {"schema": "{}", "references": [{"name": "Inner", "subject": "in/ner", "version": 2}]}
    answers = {"/at/schemas/ids/1": outer, "/at/subjects/in%2Fner/versions/2": inner, "/at/schemas/ids/3": ["no"]}

    def answer(request: FarRequest) -> FarAnswer:
        if request.headers.get("authorization") != basic:
            return FarAnswer(401)
        found = answers.get(request.path)
        return FarAnswer(404) if found is None else FarAnswer(200, body=json.dumps(found).encode())

    settings = settings_for(database, tmp_path, outward_allowed_networks=list(LOOPBACK))
    async with far_http(answer) as server, open_resources(settings, subscribers={}) as resources:
        row = StreamRow(id=new_id(), servers=[], topic="t", start_at="earliest", registry_url=f"{server.url}/at/")
        plan = replace(
            plan_of(row, None, resources), registry_username="r", secrets=StreamSecrets(registry_password="secret")
        )
        found = await fetch_schema(resources, plan, 1)
        assert (found.type, found.referred) == ("AVRO", (("Inner", inner["schema"]),))
        assert (await fetch_schema(resources, plan, 2)).missing == "The registry has no schema 2."
        with pytest.raises(BrokerAway, match="no schema registry"):
            await fetch_schema(resources, plan, 3)
        with pytest.raises(BrokerRefuses, match="it answered 401"):
            await fetch_schema(resources, replace(plan, secrets=StreamSecrets()), 1)
        with pytest.raises(BrokerRefuses, match="LYCEUM_SECRET_KEY"):
            plan_of(row, b"x" * 40, resources)


async def test_a_message_is_not_tried_again_for_a_dataset_that_is_archived(
    app: Any, database: TestDatabase, member: Member, resources: Resources
) -> None:
    dataset_id, _ = make_dataset(database, member)
    make_version(database, member, dataset_id)
    stream_id = make_stream_row(database, member, dataset_id)
    letter_id = make_dead_letter(database, member, stream_id, content='{"a": 1}')
    path = f"/api/v1/dead-letters/{letter_id}"
    archive = "UPDATE datasets SET dormant_at = %s WHERE id = %s"
    rows_of(database, archive, datetime.now(UTC), dataset_id)
    async with client_of(app, key=member.key) as client:
        refused = await client.post(f"{path}/retry")
        assert (refused.status_code, refused.json()["code"]) == (409, "dataset_dormant"), refused.text
        assert (await ok(client.get(path)))["state"] == "held"
        # archived after it was asked for, and before a worker came to it
        rows_of(database, archive, None, dataset_id)
        await ok(client.post(f"{path}/retry"), 202)
        rows_of(database, archive, datetime.now(UTC), dataset_id)

        async def unseen(_fraction: float, _note: str) -> None: ...

        run = JobRun(new_id(), 1, new_id(), member.scope, resources, unseen)
        assert await try_again(run, TryDeadLetter(letter_id=letter_id)) == {"taken": False}
        held = await ok(client.get(path))
        assert (held["state"], "archived and takes no data" in held["reason"]) == ("held", True), held
        assert rows_of(database, "SELECT FROM pushed_batches WHERE dataset_id = %s", dataset_id) == []
