"""What tokens, needs, policies, limits and the audit log add to a request, each alone and together: CPU.

    python bench/access.py [--requests 1500] [--rounds 3]

One request reads a dataset of one's own, among a thousand of others and with fifty grants to the reader elsewhere; another
changes its description. Without tokens it is known who asks; without needs no route asks what they may; without policies the API
signs in as the tables' owner, whom they do not bind; without limits nothing is counted, and without the log nothing noted or
written. Each way runs in a process of its own, the ways in turn.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import psycopg
from fastapi import FastAPI
from servers import Servers, machine, running_servers, wait_until
from starlette.types import Message

from lyceum.accounts.policy import Actor
from lyceum.kernel.migrate import libpq_url as _libpq

PARTS = ("tokens", "needs", "policies", "limits", "audit")
WAYS: tuple[tuple[str, ...], ...] = ((), *((part,) for part in PARTS), PARTS)
METHODS = ("GET", "PATCH")
ANY_NUMBER = 1_000_000
_FILL = """
    INSERT INTO organisations (id, name, title) SELECT gen_random_uuid(), 'other-' || n, '' FROM generate_series(1, 50) n;
    INSERT INTO datasets (id, org_id, name) SELECT gen_random_uuid(), o.id, 'd' || n
    FROM organisations o, generate_series(1, 20) n WHERE o.name LIKE 'other-%';
    INSERT INTO datasets (id, org_id, name) SELECT gen_random_uuid(), o.id, 'own' FROM organisations o WHERE o.name = 'main';
    INSERT INTO grants (id, org_id, kind, object_id, user_id, role)
    SELECT gen_random_uuid(), d.org_id, 'dataset', d.id, u.id, 'viewer'
    FROM datasets d, users u WHERE d.name = 'd1' AND u.instance_admin;
    ANALYZE;
"""


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--requests", type=int, default=1500)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--one", help=argparse.SUPPRESS)
    options.add_argument("--method", default="GET", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.one is not None:
        asyncio.run(_measure(asked.one.split(","), asked.method, asked.requests))
        return
    with running_servers() as servers:
        os.environ.update(servers.variables)
        os.environ["LYCEUM_SECRET_KEY"] = "of this benchmark"
        print(machine())
        key = asyncio.run(_prepared(servers))
        for method in METHODS:
            took: dict[tuple[str, ...], list[tuple[float, float]]] = {way: [] for way in WAYS}
            for _ in range(asked.rounds):
                for way in WAYS:
                    took[way].append(_one(servers, way, method, key, asked.requests))
            _print(method, took)


def _print(method: str, took: dict[tuple[str, ...], list[tuple[float, float]]]) -> None:
    bare = [median(of) for of in zip(*took[()], strict=True)]
    for way, figures in took.items():
        api, postgres = (median(of) for of in zip(*figures, strict=True))
        more = (api + postgres) / sum(bare) - 1
        name = "all of them" if way == PARTS else " ".join(way) or "none of them"
        print(f"{method:5} {name:14} {api:6.0f} us of CPU in the API, {postgres:6.0f} us in PostgreSQL   {more:+6.1%}")


def _one(servers: Servers, way: tuple[str, ...], method: str, key: str, requests: int) -> tuple[float, float]:
    """Return the CPU a request takes in a process of its own: microseconds in the API and in PostgreSQL."""
    url = servers.variables["LYCEUM_DATABASE_URL"] if "policies" in way else servers.owner_url
    at_most = str(ANY_NUMBER if "limits" in way else 0)
    limits = {f"LYCEUM_USER_{what}_PER_MINUTE": at_most for what in ("READS", "WRITES")}
    variables = {"LYCEUM_DATABASE_URL": url, "BENCH_KEY": key, **limits}
    command = (sys.executable, __file__, "--one", ",".join(way), "--method", method, "--requests", str(requests))
    before = _backends_seconds(servers)
    ran = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)
    postgres = _backends_seconds(servers) - before
    return float(ran.stdout), postgres / requests * 1e6


def _backends_seconds(servers: Servers) -> float:
    """Return the CPU time of all connections so far, which the server knows when the last of them has ended."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with psycopg.connect(_libpq(servers.owner_url), autocommit=True) as connection:
        wait_until(lambda: connection.execute(others).fetchone() == (0,))
    fields = Path(f"/proc/{servers.postgres_pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


async def _prepared(servers: Servers) -> str:
    from lyceum.accounts.public import local_administrator_key
    from lyceum.kernel.config import load_settings
    from lyceum.kernel.resources import open_resources

    async with open_resources(load_settings()) as resources:
        key = (await local_administrator_key(resources.database)).secret
    with psycopg.connect(_libpq(servers.owner_url), autocommit=True) as connection:
        connection.execute(_FILL.encode())
    return key


async def _measure(way: list[str], method: str, requests: int) -> None:
    # what routes are made of is imported once the parts to leave out are known
    if "needs" not in way:
        from lyceum.accounts import needs

        needs.check_of = lambda endpoint: None  # noqa: ARG005 called by its name
    from lyceum.accounts import edge
    from lyceum.accounts.audit.recording import Notes
    from lyceum.kernel.config import load_settings
    from lyceum.web import create_app

    if "audit" not in way:
        nothing = nullcontext(Notes(is_recorded=True))
        vars(edge)["noting"] = lambda *_, **__: nothing
    key = os.environ.pop("BENCH_KEY")
    app = create_app(load_settings())
    async with app.router.lifespan_context(app):
        who, token = await _signed_in(app, key)
        known: dict[str, object] = {} if "tokens" in way else {"lyceum.actor": who, "lyceum.refusal": None}
        headers = [(b"host", b"127.0.0.1"), (b"if-match", b"*"), (b"content-type", b"application/json")]
        headers += [(b"authorization", f"Bearer {token}".encode())] if "tokens" in way else []
        for number in range(100):
            await _ask(app, method, headers, known, number)
        began = time.process_time()
        for number in range(requests):
            await _ask(app, method, headers, known, number)
        print((time.process_time() - began) / requests * 1e6)


async def _signed_in(app: FastAPI, key: str) -> tuple[Actor, str]:
    """Return the owner of a key in a session of theirs, and its access token."""
    from lyceum.accounts.sessions.public import RequestFacts, begin_session
    from lyceum.kernel.db import Scope
    from lyceum.kernel.tx import aside

    resources, known = app.state.resources, app.state.known_actors
    user_id = (await known.actor_of(f"Bearer {key}")).user_id
    facts = RequestFacts("127.0.0.1", "127.0.0.1", "a benchmark")
    async with aside(resources.database, Scope(user_id=user_id)) as tx:
        begun = await begin_session(tx, user_id, settings=resources.settings, facts=facts, signed_in_with="password")
    token = await known.sessions.tokens.issue(session_id=begun.session_id, user_id=user_id)
    return await known.sessions.actor_of(await known.sessions.proof_of(f"Bearer {token}")), token


async def _ask(
    app: FastAPI, method: str, headers: list[tuple[bytes, bytes]], known: Mapping[str, object], number: int
) -> None:
    path = "/api/v1/datasets/main/own"
    body = b"" if method == "GET" else b'{"description": "%d"}' % number
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "scheme": "http", "http_version": "1.1",
        **known,
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    assert statuses == [200], statuses


if __name__ == "__main__":
    main()
