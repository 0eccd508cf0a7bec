"""What it costs a request to be counted: CPU of the API and of Valkey, against the same request with limits turned off.

    python bench/limits.py [--requests 3000]

The request is among the cheapest there are (`/api/v1/me`, whose key is remembered), so the share of the limit is large.
"""

import argparse
import asyncio
import os
import time

from processes import cpu_seconds
from servers import Servers, machine, running_servers
from starlette.types import Message

from lyceum.accounts.public import local_administrator_key
from lyceum.kernel.config import Settings, load_settings
from lyceum.kernel.resources import open_resources
from lyceum.web import create_app

ANY_NUMBER = 1_000_000


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--requests", type=int, default=3000)
    asked = options.parse_args()
    with running_servers() as servers:
        os.environ.update(servers.variables)
        os.environ["LYCEUM_SECRET_KEY"] = "of this benchmark"
        print(machine())
        for name, at_most in (("not counted", 0), ("counted", ANY_NUMBER), ("not counted", 0), ("counted", ANY_NUMBER)):
            settings = load_settings(user_reads_per_minute=at_most)
            asyncio.run(_measure(name, settings, servers, asked.requests))


async def _measure(name: str, settings: Settings, servers: Servers, requests: int) -> None:
    async with open_resources(settings) as resources:
        key = (await local_administrator_key(resources.database)).secret
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        for _ in range(100):
            await _ask(app, key)
        own, of_valkey, began = time.process_time(), cpu_seconds(servers.valkey_pid), time.perf_counter()
        for _ in range(requests):
            await _ask(app, key)
        seconds = time.perf_counter() - began
        own, of_valkey = time.process_time() - own, cpu_seconds(servers.valkey_pid) - of_valkey
    print(
        f"{name:12} {own / requests * 1e6:6.0f} us of CPU a request, Valkey {of_valkey / requests * 1e6:4.0f} us"
        f"   {seconds / requests * 1e6:6.0f} us until it is answered"
    )


async def _ask(app: object, key: str) -> None:
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {key}".encode())]
    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/me", "raw_path": b"/api/v1/me", "root_path": "", "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "scheme": "http", "http_version": "1.1",
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)  # type: ignore[operator]  # the app
    assert statuses == [200], statuses


if __name__ == "__main__":
    main()
