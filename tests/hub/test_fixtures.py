"""The servers other tests rely on are real, separate, and pooled where they say so."""

from collections.abc import Callable

import psycopg
import redis

from fixtures.servers import OwnServers, PostgresForTests, TestDatabase


def test_each_empty_database_is_one_tests_own(postgres_server: PostgresForTests, empty_database: TestDatabase) -> None:
    with psycopg.connect(empty_database.dsn("owner")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("lyceum_owner",)
        connection.execute("CREATE TABLE kept (id int)")
    assert postgres_server.has_database(empty_database.name)


def test_a_pooled_session_is_another_one_for_each_transaction(
    pgbouncer: Callable[[TestDatabase], TestDatabase], empty_database: TestDatabase
) -> None:
    pooled = pgbouncer(empty_database)
    with (
        psycopg.connect(pooled.dsn(), prepare_threshold=None) as first,
        psycopg.connect(pooled.dsn(), prepare_threshold=None) as second,
    ):
        first_server = first.execute("SELECT pg_backend_pid()").fetchone()
        first.commit()
        assert second.execute("SELECT pg_backend_pid()").fetchone() == first_server
        assert first.execute("SELECT pg_backend_pid()").fetchone() != first_server


def test_valkey_is_empty_when_a_test_starts(valkey_url: str) -> None:
    client = redis.Redis.from_url(valkey_url)
    assert client.dbsize() == 0
    client.set("left", "behind")
    client.close()


test_valkey_is_empty_for_the_next_test_too = test_valkey_is_empty_when_a_test_starts


def test_committed_rows_survive_a_killed_postmaster(own_hub_servers: OwnServers) -> None:
    with psycopg.connect(own_hub_servers.database.dsn("owner"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    own_hub_servers.kill_postgres()
    own_hub_servers.start_postgres()
    with psycopg.connect(own_hub_servers.database.dsn("owner")) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
