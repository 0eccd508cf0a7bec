"""Tables of databases become versions: read by a real worker, from a real PostgreSQL and real SQLite files."""

import asyncio
import re
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psycopg
import pytest
from msgspec import structs

from fixtures.app import client_of, rows_of, running_app, served, settings_for
from fixtures.far_http import LOOPBACK
from fixtures.relays import relay_to
from fixtures.servers import PostgresForTests, TestDatabase
from fixtures.staffed import StaffedHub, dataset_with, new_dataset, ok, settled_version, until, upload
from lyceum.data.datasets.databases.batches import TEXT, SourceColumn, write_rows
from lyceum.data.datasets.databases.errors import DatabaseRefused, NothingRead, RowsTooMany, ValueUnusable
from lyceum.data.datasets.databases.jobs import reading_of
from lyceum.data.datasets.databases.locations import database_location
from lyceum.data.datasets.databases.postgresql import reading_postgresql
from lyceum.data.datasets.databases.sqlite_file import reading_sqlite
from lyceum.data.datasets.databases.work import Reading, Wish
from lyceum.data.datasets.work import Intake
from lyceum.kernel.outward import AddressRefused
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from make.accounts import make_member

READING = Reading(
    kind="sqlite",
    table=None,
    query=None,
    statement_seconds=2,
    rows_max=150_000,
    bytes_max=10**9,
    intake=Intake(
        upload_key="",
        file_name="made.db",
        format=None,
        table_key="tables/a/b",
        operation_id="1",
        leftovers_older_than_seconds=60.0,
    ),
)
MAKE = """
CREATE TYPE mood AS ENUM ('fine', 'odd');
CREATE TABLE "Order lines" (
    id bigint, small smallint, price numeric(10, 2), whole numeric(12, 0), ratio double precision, yes boolean, day date,
    at timestamp, zoned timestamptz, name text, key uuid, doc jsonb, tags text[], raw bytea, mood mood, took interval
);
INSERT INTO "Order lines" VALUES
    (1, 2, 1.25, 7, 0.5, true, '2024-02-29', '2024-02-29 12:00', '2024-02-29 12:00+02', 'ä',
     '7f9c24e8-3b1f-4f5e-8d0e-000000000001', '{"a": 1}', '{x,y}', '\\xdead', 'fine', '1 day'),
    (9007199254740993, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE SCHEMA sales;
CREATE TABLE sales.numbers AS SELECT n, 'text ' || n AS t FROM generate_series(1, 100000) n;
"""


@pytest.fixture(scope="module")
def far(postgres_server: PostgresForTests) -> Iterator[TestDatabase]:
    """Somebody else's database."""
    database = postgres_server.create_database(f"far_{secrets.token_hex(6)}")
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        connection.execute(MAKE)
    yield database
    postgres_server.drop_database(database.name)


@pytest.fixture(scope="module")
def hub(
    postgres_server: PostgresForTests,
    template_database: str,
    valkey_server: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[StaffedHub]:
    """A hub with a worker, which may ask servers on this machine."""
    database = postgres_server.create_database(f"sql_{secrets.token_hex(6)}", template=template_database)
    settings = settings_for(
        database,
        tmp_path_factory.mktemp("sql"),
        valkey_url=valkey_server,
        outward_allowed_networks=LOOPBACK,
        sql_import_rows_max=150_000,
        sql_import_statement_seconds=2,
        worker_heavy_slots=0,
    )
    with served("lyceum.worker", settings):
        yield StaffedHub(settings, database)


@pytest.fixture
async def client(hub: StaffedHub) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(hub.settings) as app, client_of(app, key=make_member(hub.database).key) as opened:
        yield opened


@pytest.fixture(scope="module")
def url(postgres_server: PostgresForTests, far: TestDatabase) -> Iterator[str]:
    """The address of somebody else's database, over TCP."""
    parts = urlsplit(far.dsn("owner"))
    [path] = [one for one in postgres_server.sockets.glob(".s.PGSQL.*") if one.is_socket()]
    with relay_to(path) as port:
        yield f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{port}/{far.name}"


async def imported(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    """Have something read into a new dataset, and return the version, accepted or rejected."""
    address = await new_dataset(client)
    begun = await ok(client.post(f"/api/v1/datasets/{address}/sql-imports", json=wanted), 202)
    return dict(await settled_version(client, begun["id"]))


async def rows_read(client: httpx.AsyncClient, version: dict[str, Any]) -> list[dict[str, Any]]:
    assert version["state"] == "accepted", version["error"]
    preview = await ok(client.get(f"/api/v1/datasets/{version['dataset']}/versions/latest/preview"))
    names = [column["name"] for column in version["table_schema"]["columns"]]
    return [dict(zip(names, row, strict=True)) for row in preview["rows"]]


async def test_a_table_of_postgresql_becomes_a_version_with_its_types(
    client: httpx.AsyncClient, url: str, hub: StaffedHub
) -> None:
    version = await imported(client, url=url, table="Order lines")
    first, second = await rows_read(client, version)
    types = {column["name"]: column["type"] for column in version["table_schema"]["columns"]}
    assert types | {"tags": "string", "key": "string", "raw": "string", "mood": "string", "took": "string"} == types
    assert (types["id"], types["price"], types["whole"], types["day"]) == ("integer", "float", "integer", "date")
    assert (types["at"], types["zoned"]) == ("timestamp", "timestamp_utc")
    assert (first["price"], first["whole"], first["name"], first["raw"], first["tags"]) == (
        1.25,
        7,
        "ä",
        "\\xdead",
        "{x,y}",
    )
    assert first["zoned"].startswith("2024-02-29T10:00:00")
    assert second["id"] == 9007199254740993
    assert (version["source"]["format"], version["file_name"]) == ("postgresql", "Order lines of 127.0.0.1")
    password = urlsplit(url).password or ""
    [row] = rows_of(hub.database, "SELECT fetch_sealed FROM dataset_versions WHERE id = %s", version["id"])
    assert row["fetch_sealed"] is None
    assert password not in str(rows_of(hub.database, "SELECT args::text, error::text FROM jobs"))
    assert password not in str(version)


async def test_an_import_that_fails_a_blocking_check_is_held_back(client: httpx.AsyncClient, url: str) -> None:
    address = await dataset_with(client, b"n\n1\n")
    few = {"kind": "row_count", "max": 10, "blocking": True}
    await ok(client.post(f"/api/v1/datasets/{address}/checks", json={"definition": few}), 201)
    wanted = {"url": url, "query": "SELECT n FROM sales.numbers WHERE n <= 20"}
    begun = await ok(client.post(f"/api/v1/datasets/{address}/sql-imports", json=wanted), 202)
    held_back = await settled_version(client, begun["id"])
    assert (held_back["state"], held_back["error"]["code"]) == ("rejected", "checks_failed")
    assert (await ok(client.get(f"/api/v1/datasets/{address}")))["latest_version"] == 1


async def test_a_query_brings_what_it_says(client: httpx.AsyncClient, url: str) -> None:
    version = await imported(client, url=url, query="-- all of it\nSELECT n, t FROM sales.numbers ORDER BY n DESC;")
    assert version["row_count"] == 100_000
    assert (await rows_read(client, version))[0] == {"n": 100_000, "t": "text 100000"}


@pytest.mark.parametrize(
    "query, code, said",
    [
        ("SELECT 1; DROP TABLE sales.numbers", DatabaseRefused, "cannot insert multiple commands"),
        ("WITH gone AS (DELETE FROM sales.numbers RETURNING 1) SELECT * FROM gone", DatabaseRefused, "data-modifying"),
        ("SELECT nextval('sales.counted')", DatabaseRefused, "read-only transaction"),
        ("SELECT pg_sleep(30)", DatabaseRefused, "has not given the rows within 2 s"),
        ("SELECT n FROM generate_series(1, 200000) n", RowsTooMany, "more than 150,000 rows"),
        ("SELECT 1 AS n WHERE false", NothingRead, "no rows"),
        ("SELECT * FROM nothing", DatabaseRefused, 'relation "nothing" does not exist'),
        ("SELECT 'infinity'::date AS day", ValueUnusable, "cast it to text"),
        ("SELECT repeat('x', 900000) || n AS t FROM generate_series(1, 500) n", RowsTooMany, "more than 4,096 bytes"),
    ],
)
async def test_what_a_query_may_not_do_is_told_and_changes_nothing(
    url: str, far: TestDatabase, tmp_path: Path, query: str, code: type[Problem], said: str
) -> None:
    rows_of(far, "CREATE SEQUENCE IF NOT EXISTS sales.counted")
    place = database_location(url)
    work = structs.replace(
        READING,
        kind="postgresql",
        host=place.host,
        port=place.port,
        addresses=(place.host,),
        user=place.user,
        password=place.password,
        database=place.database,
        query=query,
        bytes_max=4096 if "repeat" in query else READING.bytes_max,
    )
    with pytest.raises(code, match=re.escape(said)):
        await asyncio.to_thread(read_all, work, tmp_path, lambda: reading_postgresql(work))
    assert rows_of(far, "SELECT count(*) AS n FROM sales.numbers") == [{"n": 100_000}]
    assert rows_of(far, "SELECT is_called FROM sales.counted") == [{"is_called": False}]


def read_all(work: Reading, folder: Path, opened: Callable[[], Any]) -> int:
    """Read what is asked into a file, and return how many rows there are."""
    with opened() as (columns, fetch):
        path = folder / "rows.parquet"
        return write_rows(
            path, columns, fetch, rows_max=work.rows_max, bytes_max=work.bytes_max, tell=lambda rows: None
        )


async def test_a_wrong_password_is_told_without_it(client: httpx.AsyncClient, url: str) -> None:
    wrong = url.replace(f":{urlsplit(url).password}@", ":not-the-password@")
    version = await imported(client, url=wrong, table="sales.numbers")
    assert version["error"]["code"] == "database_refused"
    assert "authentication failed" in version["error"]["detail"]
    assert "not-the-password" not in str(version)


@pytest.mark.parametrize(
    "wanted, code",
    [
        ({"url": "postgresql:///data?host=/run/postgresql", "table": "t"}, "database_url_invalid"),
        ({"url": "postgresql://u:p@%2Frun%2Fpostgresql/data", "table": "t"}, "database_url_invalid"),
        ({"url": "postgresql://u:p@h/data?passfile=/etc/passwd", "table": "t"}, "database_url_invalid"),
        ({"url": "sqlite:////etc/passwd", "table": "t"}, "database_url_invalid"),
        ({"url": "postgresql://u:p@h:99999/data", "table": "t"}, "database_url_invalid"),
        ({"url": "mysql://u:p@h/data", "query": "DELETE FROM t"}, "query_refused"),
        ({"url": "mysql://u:p@h/data", "query": "/* SELECT */ SET GLOBAL x = 1"}, "query_refused"),
        ({"url": "mysql://u:p@h/data", "table": "a.b.c.d"}, "query_refused"),
        ({"url": "mysql://u:p@h/data"}, "import_unclear"),
        ({"url": "mysql://u:p@h/data", "table": "t", "query": "SELECT 1"}, "import_unclear"),
        ({"table": "t"}, "import_unclear"),
        ({}, "sql_source_not_set"),
    ],
)
async def test_what_cannot_be_asked_is_refused_at_once(client: httpx.AsyncClient, wanted: Any, code: str) -> None:
    address = await new_dataset(client)
    refused = await client.post(f"/api/v1/datasets/{address}/sql-imports", json=wanted)
    assert refused.json()["code"] == code, refused.text
    assert "u:p" not in refused.text


async def test_a_server_the_hub_may_not_reach_is_not_connected_to(url: str, resources: Resources) -> None:
    wish = Wish(url=url, table="sales.numbers")
    with pytest.raises(AddressRefused, match="LYCEUM_OUTWARD_ALLOWED_NETWORKS"):
        await reading_of(resources, wish, READING.intake)


def sqlite_file(folder: Path, script: str) -> bytes:
    path = folder / "made.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path.read_bytes()


async def test_a_table_of_an_uploaded_sqlite_file_becomes_a_version(client: httpx.AsyncClient, tmp_path: Path) -> None:
    content = sqlite_file(
        tmp_path,
        """
        CREATE TABLE "my table" (n INTEGER, x REAL, mixed, t TEXT, b BLOB, never);
        INSERT INTO "my table" VALUES (1, 1, 1, 'a', x'dead', NULL), (NULL, 0.5, 'two', NULL, NULL, NULL);
        """,
    )
    version = await imported(client, upload_id=await upload(client, "made.db", content), table="my table")
    assert await rows_read(client, version) == [
        {"n": 1, "x": 1.0, "mixed": "1", "t": "a", "b": "\\xdead", "never": None},
        {"n": None, "x": 0.5, "mixed": "two", "t": None, "b": None, "never": None},
    ]
    assert (version["source"]["format"], version["file_name"]) == ("sqlite", "made.db")


@pytest.mark.parametrize(
    "query, said",
    [
        ("SELECT load_extension('/tmp/x.so')", "not authorized"),
        ("SELECT * FROM pragma_database_list", "not authorized"),
        ("SELECT writefile('/tmp/x', 'y')", "no such function"),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r", "within 2 s"),
    ],
)
def test_a_query_of_a_sqlite_file_reaches_nothing_else(tmp_path: Path, query: str, said: str) -> None:
    sqlite_file(tmp_path, "CREATE TABLE t (n); INSERT INTO t VALUES (1);")
    work = structs.replace(READING, query=query)
    with pytest.raises(DatabaseRefused, match=said):
        read_all(work, tmp_path, lambda: reading_sqlite(work, tmp_path / "made.db"))


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    content = sqlite_file(tmp_path, "CREATE TABLE t (n); INSERT INTO t VALUES (1);")
    work = structs.replace(READING, table="t")
    for broken in (b"a,b\n1,2\n" * 1000, content[:4096] + b"\xff" * (len(content) - 4096)):
        (tmp_path / "broken.db").write_bytes(broken)
        with pytest.raises(DatabaseRefused, match=r"made\.db cannot be read"):
            read_all(work, tmp_path, lambda: reading_sqlite(work, tmp_path / "broken.db"))


def test_wide_rows_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    asked: list[int] = []

    def fetch(wanted: int) -> list[list[str]]:
        asked.append(wanted)
        return [["x" * 1_000_000]] * min(wanted, 64) if len(asked) < 5 else []

    rows = write_rows(
        tmp_path / "wide.parquet",
        [SourceColumn("t", TEXT)],
        fetch,
        rows_max=10_000,
        bytes_max=10**9,
        tell=lambda rows: None,
    )
    assert (asked[0], set(asked[1:])) == (64, {16})
    assert rows == 64 + 3 * 16


async def test_a_source_is_kept_sealed_and_read_again(client: httpx.AsyncClient, url: str, hub: StaffedHub) -> None:
    address = await new_dataset(client)
    path = f"/api/v1/datasets/{address}/sql-source"
    password = urlsplit(url).password or ""
    wanted = {"url": url, "table": "Order lines", "cron": "30 6 * * *", "zone": "Europe/Berlin"}
    told = await ok(client.put(path, json=wanted))
    assert told == await ok(client.get(path))
    assert (told["table"], told["cron"], told["address"]) == (
        "Order lines",
        "30 6 * * *",
        url.replace(f":{password}@", "@"),
    )
    assert password not in str(told)
    dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
    [row] = rows_of(hub.database, "SELECT * FROM dataset_sql_sources WHERE dataset_id = %s", dataset["id"])
    assert password.encode() not in bytes(row["wish_sealed"])
    begun = await ok(client.post(f"/api/v1/datasets/{address}/sql-imports", json={}), 202)
    assert (await settled_version(client, begun["id"]))["row_count"] == 2
    rows_of(
        hub.database,
        "UPDATE job_schedules SET next_at = now() WHERE name = %s",
        f"sql import {UUID(dataset['id'])}",
    )

    async def second() -> Any:
        return (await ok(client.get(f"/api/v1/datasets/{address}")))["latest_version"]

    await until(second, lambda number: number == 2)
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json()["code"] == "sql_source_not_set"
    assert (
        rows_of(hub.database, "SELECT 1 FROM job_schedules WHERE name = %s", f"sql import {UUID(dataset['id'])}") == []
    )
