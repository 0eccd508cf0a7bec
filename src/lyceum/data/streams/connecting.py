"""What a consumer needs to speak to the brokers of a stream: judged addresses, and the settings of the client library."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import certifi
import msgspec

from lyceum.data.streams.errors import BrokerRefuses, StreamInvalid
from lyceum.data.streams.models import StreamRow
from lyceum.data.streams.work import Format
from lyceum.kernel.outward import Outward
from lyceum.kernel.resources import Resources

SEALED_AS = "stream"
SESSION_MS_MIN = 6_000
"""Brokers take no less, as they come."""
QUEUED_KILOBYTES_MAX = 8 * 1024
_PORT_MAX = 65_535
_PROTOCOLS = {
    "plaintext": "plaintext",
    "tls": "ssl",
    "sasl_plaintext": "sasl_plaintext",
    "sasl_tls": "sasl_ssl",
}


class StreamSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed of a stream."""

    password: str | None = None
    key: str | None = None
    registry_password: str | None = None


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """A stream as its consumer needs it, at one revision."""

    id: UUID
    org_id: UUID
    dataset_id: UUID
    revision: int
    servers: tuple[str, ...]
    topic: str
    group: str
    format: Format
    starts_at_end: bool
    flush_rows: int
    flush_seconds: int
    registry_url: str | None
    registry_username: str | None
    protocol: str
    mechanism: str | None
    username: str | None
    authorities: str | None
    certificate: str | None
    secrets: StreamSecrets = field(repr=False)
    session_ms: int
    """How long the group waits for a consumer that is silent."""


def plan_of(row: StreamRow, sealed: bytes | None, resources: Resources) -> StreamPlan:
    """Return what a consumer of the stream works by; raises `BrokerRefuses` where its secrets cannot be opened."""
    secrets = StreamSecrets()
    if sealed is not None:
        opened = resources.sealer.opened(SEALED_AS, row.id.hex, sealed)
        if opened is None:
            raise BrokerRefuses("Its secrets were sealed with another LYCEUM_SECRET_KEY; send its `security` again.")
        secrets = msgspec.json.decode(opened, type=StreamSecrets)
    return StreamPlan(
        id=row.id,
        org_id=row.org_id,
        dataset_id=row.dataset_id,
        revision=row.revision,
        servers=tuple(row.servers),
        topic=row.topic,
        group=row.group_name,
        format=row.format,  # type: ignore[arg-type]
        starts_at_end=row.start_at == "latest",
        flush_rows=row.flush_rows,
        flush_seconds=row.flush_seconds,
        registry_url=row.registry_url,
        registry_username=row.registry_username,
        protocol=row.protocol,
        mechanism=row.mechanism,
        username=row.username,
        authorities=row.authorities,
        certificate=row.certificate,
        secrets=secrets,
        session_ms=max(SESSION_MS_MIN, int(resources.settings.job_lease_seconds * 1000)),
    )


def client_settings(plan: StreamPlan) -> dict[str, Any]:
    """Return the settings of the client library; the hub says itself where partitions are read from."""
    settings: dict[str, Any] = {
        "bootstrap.servers": ",".join(plan.servers),
        "group.id": plan.group,
        "client.id": "lyceum",
        "security.protocol": _PROTOCOLS[plan.protocol],
        # of what is stored, which is what the table has: for those who look there
        "enable.auto.commit": True,
        "enable.auto.offset.store": False,
        "allow.auto.create.topics": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "range",
        "session.timeout.ms": plan.session_ms,
        "heartbeat.interval.ms": plan.session_ms // 10,
        "queued.max.messages.kbytes": QUEUED_KILOBYTES_MAX,
        "fetch.max.bytes": QUEUED_KILOBYTES_MAX * 1024,
        "reconnect.backoff.max.ms": 5000,
    }
    if plan.protocol.endswith("tls"):
        trusted = {"ssl.ca.pem": plan.authorities} if plan.authorities else {"ssl.ca.location": certifi.where()}
        settings |= trusted
        if plan.certificate and plan.secrets.key:
            settings |= {"ssl.certificate.pem": plan.certificate, "ssl.key.pem": plan.secrets.key}
    if plan.protocol.startswith("sasl"):
        settings |= {
            "sasl.mechanism": plan.mechanism,
            "sasl.username": plan.username,
            "sasl.password": plan.secrets.password,
        }
    return settings


def host_and_port(server: str) -> tuple[str, int]:
    """Return the parts of `host:port`, of an IPv6 address in brackets; raises `StreamInvalid`."""
    host, colon, port = server.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    fits = port.isascii() and port.isdigit() and 0 < int(port) <= _PORT_MAX
    if not colon or not fits or not host or not all(char.isalnum() or char in ".-_:" for char in host):
        raise StreamInvalid(f"{server[:100]!r} is no broker; write its name and port, such as kafka.example.org:9092.")
    return host, int(port)


async def judge_servers(outward: Outward, servers: Sequence[tuple[str, int]]) -> None:
    """Return when every broker may be reached from the hub; raises `AddressRefused` and `AddressAway`."""
    for host, port in servers:
        await outward.judged(host, port)
