"""What the audit log adds to a change: `python bench/audit_log.py [--changes 400] [--rounds 5]`.

A dataset is made over and over by the API in this process, with the log and with its lines left out, in turns; the same
statements run in both. What is printed is the median of the rounds: microseconds of this process's CPU, and of time.
"""

import argparse
import asyncio
import os
import secrets
import statistics
import time

import httpx
from servers import machine, own_servers

from lyceum.accounts.audit.edge import Recorder
from lyceum.accounts.audit.recording import Entry
from lyceum.accounts.public import local_administrator_key
from lyceum.kernel.config import load_settings
from lyceum.web import create_app

_entries = Recorder.entries


async def _none(*_of_request: object) -> list[Entry]:
    return []


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    with own_servers() as variables:
        os.environ.update(variables)
        asyncio.run(_measure(changes=options.changes, rounds=options.rounds))


async def _measure(*, changes: int, rounds: int) -> None:
    app = create_app(load_settings(secret_key="a-key-for-figures", user_writes_per_minute=0, disk_free_bytes_min=0))
    async with app.router.lifespan_context(app):
        key = (await local_administrator_key(app.state.resources.database)).secret
        transport = httpx.ASGITransport(app=app)
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
            found: dict[str, list[tuple[float, float]]] = {"without": [], "with": []}
            for _ in range(rounds):
                for name, entries in (("without", _none), ("with", _entries)):
                    Recorder.entries = entries  # type: ignore[method-assign, assignment]
                    found[name].append(await _round(client, changes))
            _print(found)


async def _round(client: httpx.AsyncClient, changes: int) -> tuple[float, float]:
    cpu, began = time.process_time(), time.perf_counter()
    for _ in range(changes):
        made = await client.post("/api/v1/datasets", json={"name": secrets.token_hex(8)})
        made.raise_for_status()
    return (time.process_time() - cpu) / changes * 1e6, (time.perf_counter() - began) / changes * 1e6


def _print(found: dict[str, list[tuple[float, float]]]) -> None:
    for name, of_rounds in found.items():
        cpu, seconds = (statistics.median(values) for values in zip(*of_rounds, strict=True))
        print(f"{name:8} {cpu:8.0f} us CPU {seconds:8.0f} us")


if __name__ == "__main__":
    main()
