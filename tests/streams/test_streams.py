"""Topics of a real broker are read into datasets, by a real worker: each message once, or held with its reason."""

import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import polars as pl
import pytest

from fixtures.app import client_of, rows_of, running_app, served, settings_for
from fixtures.kafka import Broker
from fixtures.servers import PostgresForTests
from fixtures.staffed import StaffedHub, new_dataset, ok, until
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.rows.public import scan_table
from lyceum.kernel.storage import open_storage
from make.accounts import Member, make_member

Client = Callable[..., httpx.AsyncClient]


@pytest.fixture(scope="session")
def streaming_hub(
    postgres_server: PostgresForTests,
    template_database: str,
    valkey_server: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[StaffedHub]:
    """A hub with one worker that may speak to brokers on this machine."""
    database = postgres_server.create_database(f"streams_{secrets.token_hex(6)}", template=template_database)
    settings = settings_for(
        database,
        tmp_path_factory.mktemp("streams"),
        valkey_url=valkey_server,
        outward_allowed_networks=["127.0.0.0/8"],
    )
    with served("lyceum.worker", settings):
        yield StaffedHub(settings, database)


@pytest.fixture
async def clients(streaming_hub: StaffedHub) -> AsyncIterator[Client]:
    async with running_app(streaming_hub.settings) as app:
        yield lambda who: client_of(app, key=who.key)


@pytest.fixture
def reader(streaming_hub: StaffedHub) -> Member:
    return make_member(streaming_hub.database)


async def make_stream(client: httpx.AsyncClient, address: str, broker: Broker, topic: str, **more: Any) -> Any:
    wanted = {"name": "s", "servers": [broker.server], "topic": topic, "flush_seconds": 1} | more
    return await ok(client.post(f"/api/v1/datasets/{address}/streams", json=wanted), 201)


async def rows(hub: StaffedHub, owner: Member, client: httpx.AsyncClient, address: str) -> pl.DataFrame:
    """Return the rows of a dataset's latest version."""
    dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
    statement = (
        "SELECT delta_version FROM dataset_versions WHERE dataset_id = %s AND state = 'accepted' ORDER BY number DESC"
    )
    found = rows_of(hub.database, statement, dataset["id"])
    key = table_key(owner.org_id, UUID(dataset["id"]))
    return scan_table(open_storage(hub.settings), key, found[0]["delta_version"]).collect()


async def until_read(client: httpx.AsyncClient, stream_id: str, offsets: dict[int, int]) -> Any:
    """Return the stream once each partition was read so far."""

    def is_read(stream: Any) -> bool:
        return {one["partition"]: one["next_offset"] for one in stream["partitions"]} == offsets

    return await until(lambda: ok(client.get(f"/api/v1/streams/{stream_id}")), is_read)


async def test_messages_become_rows_and_what_is_none_is_held_with_its_reason(
    clients: Client, reader: Member, streaming_hub: StaffedHub, broker: Broker
) -> None:
    topic = broker.new_topic()
    values = [json.dumps({"n": n, "name": f"é{n}", "price": n / 2}).encode() for n in range(300)]
    broker.send(topic, [*values[:100], b"\xff not json", None, *values[100:], b'{"n": "many"}', b'{"nope": 1}'])
    async with clients(reader) as client:
        address = await new_dataset(client)
        made = await make_stream(client, address, broker, topic, new_fields="add", format="json")
        stream = await until_read(client, made["id"], {0: 304})
        assert (stream["state"], stream["error"], stream["appended_rows"]) == ("running", None, 301), stream
