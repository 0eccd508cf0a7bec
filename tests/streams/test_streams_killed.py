"""Workers are killed in the middle of a stream, by SIGKILL: no message is lost, and none is a row twice."""

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from fixtures.app import client_of, eventually, running_app, served, settings_for
from fixtures.kafka import Broker
from fixtures.servers import PostgresForTests
from fixtures.staffed import StaffedHub, new_dataset, ok
from fixtures.streaming import latest_rows, make_stream, until_read
from make.accounts import make_member

WAIT_SECONDS_MAX = 90


@pytest.fixture
def unstaffed_hub(
    postgres_server: PostgresForTests, template_database: str, valkey_server: str, tmp_path: Path
) -> StaffedHub:
    """A hub of this test without a worker."""
    database = postgres_server.create_database(f"killed_{secrets.token_hex(6)}", template=template_database)
    settings = settings_for(
        database,
        tmp_path,
        valkey_url=valkey_server,
        outward_allowed_networks=["127.0.0.0/8"],
        job_lease_seconds=2,
        worker_heavy_slots=0,
    )
    return StaffedHub(settings, database)


@contextmanager
def held(hub: StaffedHub, statement: str, row_id: str) -> Iterator[None]:
    """Hold a row that a worker has to lock, for as long as the block takes."""
    with psycopg.connect(hub.database.dsn("owner")) as connection:
        connection.execute(statement, (row_id,))
        yield


@pytest.mark.timeout(300)
async def test_workers_killed_between_writing_and_committing_lose_nothing_and_double_nothing(
    unstaffed_hub: StaffedHub, broker: Broker
) -> None:
    hub, owner, topic = unstaffed_hub, make_member(unstaffed_hub.database), broker.new_topic()
    tables, staging = hub.settings.home / "files" / "tables", hub.settings.home / "files" / "staging"
    broker.send(topic, [b'{"n": %d}' % n for n in range(100)])
    async with running_app(hub.settings) as app, client_of(app, key=owner.key) as client:
        address = await new_dataset(client)
        dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
        stream = await make_stream(client, address, broker, topic)

        # staged, and no version begun: whoever begins one locks the stream
        with (
            served("lyceum.worker", hub.settings) as worker,
            held(hub, "SELECT FROM streams WHERE id = %s FOR NO KEY UPDATE", stream["id"]),
        ):
            await eventually(lambda: bool(list(staging.glob("*/messages"))), seconds=WAIT_SECONDS_MAX)
            worker.end(signal.SIGKILL)

        # in the table's log with its offsets, and not accepted: whoever accepts it locks the dataset
        with (
            served("lyceum.worker", hub.settings) as worker,
            held(hub, "SELECT FROM datasets WHERE id = %s FOR NO KEY UPDATE", dataset["id"]),
        ):
            await eventually(lambda: bool(_commits_with_offsets(tables, stream["id"])), seconds=WAIT_SECONDS_MAX)
            worker.end(signal.SIGKILL)
        committed = _commits_with_offsets(tables, stream["id"])
        assert (await ok(client.get(f"/api/v1/streams/{stream['id']}")))["appended_rows"] == 0

        broker.send(topic, [b'{"n": %d}' % n for n in range(100, 150)])
        with served("lyceum.worker", hub.settings):
            await until_read(client, stream["id"], {0: 150})
        rows = await latest_rows(hub, owner, client, address)
        assert rows["n"].to_list() == list(range(150))
        # the commit that nobody had accepted became the version, and was made once
        versions = await ok(client.get(f"/api/v1/datasets/{address}/versions"))
        assert [version["row_count"] for version in versions["items"]] == [150, 100]
        assert _commits_with_offsets(tables, stream["id"])[:1] == committed


def _commits_with_offsets(tables: Path, stream_id: str) -> list[tuple[str, str]]:
    """Return the names and lines of the log entries that say how far a stream was read, in order."""
    found: list[tuple[str, str]] = []
    for entry in sorted(tables.glob("*/*/_delta_log/*.json")):
        lines = [line for line in entry.read_text().splitlines() if f"kafka:{stream_id}:0" in line]
        found += [(entry.name, line) for line in lines]
    return found
