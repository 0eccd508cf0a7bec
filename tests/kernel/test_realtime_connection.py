"""A client that reads slowly costs bounded memory and is told what it missed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fixtures.app import eventually
from lyceum.accounts.policy import ANYONE, Actor
from lyceum.kernel.realtime.connection import WAITING_MAX, Connection, Introduced, Subscription
from lyceum.kernel.realtime.messages import Pong
from lyceum.kernel.realtime.news import BEFORE_ALL, Position, Since


class SlowClient:
    """Reads nothing until it is let."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.read: list[dict[str, Any]] = []
        self.lost: list[Subscription] = []

    async def send(self, text: str) -> None:
        await self.reads.wait()
        self.read.append(json.loads(text))


def at(number: int) -> Position:
    return (number, 0, BEFORE_ALL[2])


def kinds(read: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in read]


@asynccontextmanager
async def writing(connection: Connection[Actor]) -> AsyncIterator[None]:
    task = asyncio.create_task(connection.write())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def client() -> SlowClient:
    return SlowClient()


@pytest.fixture
async def connection(client: SlowClient) -> Connection[Actor]:
    async def nobody() -> Actor:
        return ANYONE

    return Connection(Introduced(ANYONE, None, nobody), send=client.send, on_lost=client.lost.append)


def followed(connection: Connection[Actor], topic: str) -> Subscription:
    subscription = Subscription(topic, topic, connection)
    connection.followed[topic] = subscription
    return subscription


async def test_a_slow_reader_is_told_from_where_to_go_on_and_costs_no_more(
    client: SlowClient, connection: Connection[Actor]
) -> None:
    subscription = followed(connection, "a")
    subscription.begin(Since(BEFORE_ALL, [], is_whole=True))
    async with writing(connection):
        for number in range(1, 10_000):
            subscription.hear(at(number), b"%d" % number)
        assert client.lost == [subscription]
        assert connection.followed == {}
        client.reads.set()
        await eventually(lambda: client.read and client.read[-1]["type"] == "missed")
    *news, missed = client.read
    assert [message["news"] for message in news] == list(range(1, len(news) + 1))
    assert len(news) <= WAITING_MAX + 1
    assert (missed["topic"], missed["position"]) == ("a", news[-1]["position"])


async def test_one_topic_too_many_news_leaves_what_else_is_said(
    client: SlowClient, connection: Connection[Actor]
) -> None:
    loud, quiet = followed(connection, "loud"), followed(connection, "quiet")
    for subscription in (loud, quiet):
        subscription.begin(Since(BEFORE_ALL, [], is_whole=True))
    quiet.hear(at(1), b'"heard"')
    for number in range(1, 1_000):
        loud.hear(at(number), b"0")
    async with writing(connection):
        client.reads.set()
        await eventually(lambda: "missed" in kinds(client.read))
        quiet.hear(at(2), b'"and heard"')
        connection.say(Pong())
        await eventually(lambda: "pong" in kinds(client.read))
    assert [each["news"] for each in client.read if each.get("topic") == "quiet"] == ["heard", "and heard"]
    assert list(connection.followed) == ["quiet"]


async def test_what_is_told_while_the_past_is_looked_up_comes_after_it_and_once(
    client: SlowClient, connection: Connection[Actor]
) -> None:
    subscription = followed(connection, "a")
    for number in (3, 4, 5):
        subscription.hear(at(number), b"%d" % number)
    subscription.begin(Since(at(4), [(at(number), b"%d" % number) for number in (2, 3, 4)], is_whole=True))
    subscription.hear(at(5), b"5")
    subscription.hear(at(6), b"6")
    client.reads.set()
    async with writing(connection):
        await eventually(lambda: len(client.read) == 5)
    assert [message["news"] for message in client.read] == [2, 3, 4, 5, 6]


async def test_more_than_fits_while_the_past_is_looked_up_is_missed(
    client: SlowClient, connection: Connection[Actor]
) -> None:
    subscription = followed(connection, "a")
    for number in range(WAITING_MAX + 1):
        subscription.hear(at(number), b"0")
    assert client.lost == [subscription]
