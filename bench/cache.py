"""What it saves to keep for all processes who a key belongs to: database queries, and time a lookup.

    python bench/cache.py [--keys 50] [--processes 3] [--seconds 20]

Each of so many processes, here objects with memories and connections of their own, is asked about every key as often as
it would be with a request a second from each; the floor is the same with no Valkey, as it was before there was a cache.
"""

import argparse
import asyncio
import os
import time
from contextlib import AsyncExitStack

from figures import percentile
from servers import machine, own_servers
from sqlalchemy import event

from lyceum.accounts.known import known_actors
from lyceum.accounts.public import local_administrator_key
from lyceum.kernel.config import Settings, load_settings
from lyceum.kernel.resources import open_resources


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--keys", type=int, default=50)
    options.add_argument("--processes", type=int, default=3)
    options.add_argument("--seconds", type=int, default=20)
    asked = options.parse_args()
    with own_servers() as variables:
        os.environ.update(variables)
        os.environ["LYCEUM_SECRET_KEY"] = "of this benchmark"
        print(machine())
        print(f"{asked.keys} keys in {asked.processes} processes, a request a second each, for {asked.seconds} s")
        with_valkey = load_settings()
        without = load_settings(valkey_url=None)
        for name, settings in (("without the cache", without), ("with it", with_valkey)):
            asyncio.run(_measure(name, settings, asked.keys, asked.processes, asked.seconds))


async def _measure(name: str, settings: Settings, keys: int, processes: int, seconds: int) -> None:
    statements = 0

    def note(*_: object) -> None:
        nonlocal statements
        statements += 1

    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_resources(settings)) for _ in range(processes)]
        secrets = [(await local_administrator_key(opened[0].database)).secret for _ in range(keys)]
        known = [known_actors(resources) for resources in opened]
        for resources in opened:
            event.listen(resources.database.engine.sync_engine, "before_cursor_execute", note)
        spent: list[float] = []
        for _ in range(seconds):
            began = time.perf_counter()
            for actors in known:
                for secret in secrets:
                    asked_at = time.perf_counter()
                    await actors.actor_of(f"Bearer {secret}")
                    spent.append(time.perf_counter() - asked_at)
            await asyncio.sleep(max(0.0, 1.05 - (time.perf_counter() - began)))
        for actors in known:
            await actors.close()
    print(
        f"{name:18} {statements / seconds:8.1f} lookups in PostgreSQL a second"
        f"   {percentile(spent, 50) * 1e6:6.0f} us median a question, {percentile(spent, 99) * 1e6:6.0f} us p99"
    )


if __name__ == "__main__":
    main()
