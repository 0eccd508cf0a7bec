"""What live sockets cost the API process: its memory with many idle ones, and how long news take to reach who follows.

    python bench/sockets.py [--sockets 2000] [--followers 200] [--news 200]

The idle ones follow a job each, as a page of the web app would. Beside the latency stands its floor in the same run: the same news heard by one bare subscriber of Valkey. Clients, API
and servers share the machine, so the figures hold the work of all of them.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from typing import Any

from figures import percentile
from processes import free_port, own_process, resident_bytes
from redis.asyncio import Redis
from servers import machine, own_servers
from websockets.asyncio.client import ClientConnection, connect

from lyceum.accounts.public import find_actor, local_administrator_key
from lyceum.kernel.config import load_settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.news import stream_of_organisation
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.realtime.news import key_of, tell
from lyceum.kernel.resources import open_resources
from lyceum.kernel.tx import transaction

PAUSE_SECONDS = 0.05
IDLE_MARK = 2_000
RESIDENT_MB_MAX = 300


class Nothing(JobArgs, frozen=True, kw_only=True):
    """A job to follow, which no worker takes."""

    kind = "bench.nothing"


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--sockets", type=int, default=2000)
    options.add_argument("--followers", type=int, default=200)
    options.add_argument("--news", type=int, default=200)
    asked = options.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    port = free_port()
    with own_servers() as variables:
        os.environ.update(variables)
        os.environ |= {
            "LYCEUM_SECRET_KEY": "of this benchmark",
            "LYCEUM_PORT": str(port),
            "LYCEUM_SOCKETS_PER_USER_MAX": str(asked.sockets + 1),
            "LYCEUM_SOCKETS_MAX": str(asked.sockets + 1),
            "LYCEUM_LOG_LEVEL": "warning",
        }
        with own_process((sys.executable, "-m", "lyceum.web"), os.environ, port) as pid:
            print(machine())
            asyncio.run(_measure(pid, port, asked.sockets, asked.followers, asked.news))


async def _measure(pid: int, port: int, sockets: int, followers: int, news: int) -> None:
    async with open_resources(load_settings()) as resources:
        key = (await local_administrator_key(resources.database)).secret
        async with transaction(resources.database, NOBODY) as tx:
            who = await find_actor(tx, key)
        assert who.org_id is not None
        stream = stream_of_organisation(who.org_id)
        async with transaction(resources.database, who.scope) as tx:
            topics = [f"job/{await enqueue(tx, Nothing())}" for _ in range(sockets)]
        first = await open_socket(port, f"Bearer {key}")
        before = _resident_megabytes(pid)
        opened = [first]
        for begin in range(1, sockets, 50):
            opened += await asyncio.gather(
                *(_open_following(port, f"Bearer {key}", topic) for topic in topics[begin : begin + 50])
            )
        after = _resident_megabytes(pid)
        above = "" if sockets > IDLE_MARK or after <= RESIDENT_MB_MAX else f"  above the mark of {RESIDENT_MB_MAX} MB"
        print(f"API process with 1 socket      {before:8.0f} MB resident")
        print(
            f"with {len(opened):6,} idle sockets     {after:8.0f} MB, "
            f"{(after - before) * 1024 / sockets:.1f} KB each{above}"
        )
        heard: list[float] = []
        listening = [asyncio.create_task(_listen(each, news, heard)) for each in opened[:followers]]
        assert resources.valkey is not None
        floor: list[float] = []
        bare = asyncio.create_task(_listen_bare(resources.valkey, stream, news, floor))
        await asyncio.sleep(2)
        for _ in range(news):
            await tell(resources.line, [(stream, json.dumps({"at": time.monotonic()}).encode())])
            await asyncio.sleep(PAUSE_SECONDS)
        async with asyncio.timeout(120):
            await asyncio.gather(*listening, bare)
        print(f"{news:,} news to {followers:,} followers each, {len(opened):,} sockets open")
        print(f"told to heard, on a socket     {_shown(heard)}")
        print(f"floor: a bare subscriber       {_shown(floor)}")
        print(f"API process afterwards         {_resident_megabytes(pid):8.0f} MB resident")
        await asyncio.gather(*(each.close() for each in opened))


async def open_socket(port: int, authorization: str) -> ClientConnection:
    """Return a live socket that has been greeted."""
    address = f"ws://127.0.0.1:{port}/api/v1/ws"
    opened = await connect(
        address,
        additional_headers={"authorization": authorization},
        proxy=None,
        compression=None,
        ping_interval=None,
        open_timeout=60,
    )
    await opened.recv()
    return opened


async def _open_following(port: int, authorization: str, topic: str) -> ClientConnection:
    opened = await open_socket(port, authorization)
    await opened.send(json.dumps({"type": "follow", "topic": topic}))
    answer = json.loads(await opened.recv())
    if answer["type"] != "following":
        sys.exit(f"a topic is not to be followed: {answer}")
    return opened


async def _listen(opened: ClientConnection, news: int, heard: list[float]) -> None:
    await opened.send(json.dumps({"type": "follow", "topic": "jobs"}))
    count = 0
    while count < news:
        message: dict[str, Any] = json.loads(await opened.recv())
        if message["type"] == "news":
            heard.append(time.monotonic() - message["news"]["at"])
            count += 1
        elif message["type"] in {"missed", "refused"}:
            sys.exit(f"a follower was left behind: {message}")


async def _listen_bare(valkey: Redis, stream: str, news: int, floor: list[float]) -> None:
    async with valkey.pubsub() as pubsub:
        await pubsub.subscribe(key_of(stream))
        while len(floor) < news:
            message = await pubsub.get_message(timeout=30)
            if message is not None and message["type"] == "message":
                floor.append(time.monotonic() - json.loads(message["data"].split(b" ", 1)[1])["at"])


def _shown(seconds: list[float]) -> str:
    p50, p99 = (percentile(seconds, percent) * 1000 for percent in (50, 99))
    return f"p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   max {max(seconds) * 1000:6.1f} ms"


def _resident_megabytes(pid: int) -> float:
    return resident_bytes(pid) / 1024**2


if __name__ == "__main__":
    main()
