"""Brokers that ask for a password or a certificate: who has them reads, who has not is told what is wrong."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import Consumer

from fixtures.kafka import Broker
from fixtures.kafka_gate import PASSWORD, USER, Gate, Keys
from fixtures.staffed import StaffedHub, new_dataset, ok
from fixtures.streaming import Clients, latest_rows, make_stream, until_read, until_stream
from lyceum.data.streams.connecting import StreamPlan, StreamSecrets, client_settings
from lyceum.data.streams.errors import BrokerAway, BrokerRefuses
from lyceum.data.streams.reading import Asked, TopicReader
from lyceum.kernel.ids import new_id
from make.accounts import Member

READ_SECONDS_MAX = 30.0


def plan(gate: Gate, protocol: str, **more: Any) -> StreamPlan:
    values: dict[str, Any] = {
        **dict.fromkeys(("registry_url", "registry_username", "mechanism", "username", "authorities", "certificate")),
        "secrets": StreamSecrets(password=more.pop("password", None), key=more.pop("key", None)),
    }
    return StreamPlan(
        id=new_id(),
        org_id=new_id(),
        dataset_id=new_id(),
        revision=1,
        servers=(f"127.0.0.1:{gate.port}",),
        topic="t",
        group="g",
        format="json",
        starts_at_end=False,
        flush_rows=1,
        flush_seconds=1,
        protocol=protocol,
        session_ms=6000,
        **values | more,
    )


def failed(wanted: StreamPlan) -> Exception | None:
    """Return why a reader of the stream gave up."""

    def nothing(_numbers: Sequence[Any]) -> Any:
        return {}

    reader = TopicReader(wanted, Asked(nothing, lambda _number, offset: offset, nothing))
    reader.start()
    reader.join(READ_SECONDS_MAX)
    assert not reader.is_alive()
    return reader.failed


@pytest.mark.parametrize(
    "protocol, mechanism",
    [("sasl_plaintext", "PLAIN"), ("sasl_tls", "PLAIN"), ("sasl_plaintext", "SCRAM-SHA-256"), ("sasl_tls", "SCRAM-SHA-512")],
)  # fmt: skip
def test_a_right_password_is_let_in_and_a_wrong_one_is_said_to_be(
    gate: Gate, keys: Keys, protocol: str, mechanism: str
) -> None:
    gate.mechanisms, gate.tls, gate.entered = (mechanism,), keys.server if protocol == "sasl_tls" else None, 0
    more = {"mechanism": mechanism, "username": USER}
    if gate.tls:
        more["authorities"] = keys.authorities
    with gate.open():
        consumer = Consumer(client_settings(plan(gate, protocol, password=PASSWORD, **more)) | {"log_level": 0})
        brokers = consumer.list_topics(timeout=READ_SECONDS_MAX).brokers
        consumer.close()
        assert ([broker.port for broker in brokers.values()], gate.entered > 0) == ([gate.port], True)
        gate.entered = 0
        refused = failed(plan(gate, protocol, password="not that", **more))
    assert isinstance(refused, BrokerRefuses), refused
    assert "do not let the stream read" in refused.detail
    assert "Invalid username or password" in refused.detail
    assert ("not that" in refused.detail, gate.entered) == (False, 0)


@pytest.mark.parametrize(
    "asked, protocol, said",
    [
        (
            {"tls": "server"},
            "tls",
            "their certificate is signed by nobody whom the stream trusts, or is for another name",
        ),
        (
            {"tls": "stranger"},
            "tls, trusting",
            "their certificate is signed by nobody whom the stream trusts, or is for another name",
        ),
        ({"tls": "mutual"}, "tls, trusting", "cannot be reached"),
        ({"tls": "server"}, "plaintext", "cannot be reached"),
        ({}, "tls", "cannot be reached"),
        ({"mechanisms": ("PLAIN",)}, "plaintext", "cannot be reached"),
        ({"mechanisms": ("SCRAM-SHA-256",)}, "sasl_plaintext", "do not let the stream read"),
        ({"claims_bytes": 2**31 - 1}, "plaintext", "cannot be reached"),
    ],
)
def test_what_brokers_and_stream_do_not_agree_on_is_said(
    gate: Gate, keys: Keys, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], protocol: str, said: str
) -> None:
    monkeypatch.setattr("lyceum.data.streams.reading.METADATA_SECONDS_MAX", 1.0)
    gate.tls = getattr(keys, asked["tls"]) if "tls" in asked else None
    gate.mechanisms, gate.claims_bytes = asked.get("mechanisms", ()), asked.get("claims_bytes")
    protocol, _, trusting = protocol.partition(", ")
    more: dict[str, Any] = {"authorities": keys.authorities} if trusting else {}
    if protocol == "sasl_plaintext":
        more |= {"mechanism": "PLAIN", "username": USER, "password": PASSWORD}
    try:
        with gate.open():
            wrong = failed(plan(gate, protocol, **more))
    finally:
        gate.claims_bytes = None
    assert isinstance(wrong, BrokerRefuses if "let" in said else BrokerAway), wrong
    assert said in wrong.detail
    assert PASSWORD not in wrong.detail


@pytest.mark.timeout(240)
async def test_a_stream_reads_over_tls_with_scram_and_a_certificate_of_its_own_until_its_password_is_wrong(
    stream_clients: Clients, streamer: Member, streaming_hub: StaffedHub, gate: Gate, keys: Keys
) -> None:
    gate.mechanisms, gate.tls = ("SCRAM-SHA-512",), keys.mutual
    security = {
        "protocol": "sasl_tls",
        "mechanism": "SCRAM-SHA-512",
        "username": USER,
        "password": PASSWORD,
        "authorities": keys.authorities,
        "certificate": keys.certificate,
        "key": keys.key,
    }
    own = {"security_protocol": "sasl_ssl", "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": USER}
    own |= {"sasl_password": PASSWORD, "ssl_ca_pem": keys.authorities}
    own |= {"ssl_certificate_pem": keys.certificate, "ssl_key_pem": keys.key}
    with gate.open():
        broker = Broker(gate.port, **own)
        topic = await asyncio.to_thread(broker.new_topic)
        await asyncio.to_thread(broker.send, topic, [b'{"n": 1}', b'{"n": 2}'])
        async with stream_clients(streamer) as client:
            address = await new_dataset(client)
            stream = await make_stream(client, address, broker, topic, security=security)
            path = f"/api/v1/streams/{stream['id']}"
            await until_read(client, stream["id"], {0: 2})
            assert (await latest_rows(streaming_hub, streamer, client, address))["n"].to_list() == [1, 2]
            wrong = security | {"password": "not that"}
            await ok(client.patch(path, json={"security": wrong}, headers={"if-match": "*"}))
            stopped = await until_stream(client, stream["id"], lambda shown: shown["state"] == "stopped")
            assert "Invalid username or password" in stopped["error"], stopped
            await asyncio.to_thread(broker.send, topic, [b'{"n": 3}'])
            await ok(client.patch(path, json={"security": security}, headers={"if-match": "*"}))
            await ok(client.post(f"{path}/resume"))
            await until_read(client, stream["id"], {0: 3})
            await ok(client.post(f"{path}/pause"))
            await until_stream(client, stream["id"], lambda shown: shown["read_by"] == [])
        del broker
