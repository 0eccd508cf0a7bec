"""The servers other tests rely on are real, separate, and pooled where they say so."""

from collections.abc import Callable

import psycopg
import pytest
import redis

from fixtures import machine
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


def test_own_servers_are_pooled_when_the_run_is(own_hub_servers: OwnServers, *, through_pooler: bool) -> None:
    settings = own_hub_servers.database.settings
    assert len(set(settings.values())) == (2 if through_pooler else 1)
    for url in settings.values():
        psycopg.connect(url.replace("+psycopg", "")).close()


@pytest.mark.parametrize(
    "ci, has_rights, outcome",
    [
        ("true", True, pytest.fail.Exception),
        ("true", False, pytest.skip.Exception),
        ("", True, pytest.skip.Exception),
    ],
)
def test_what_continuous_integration_has_the_rights_for_is_not_skipped_there(
    monkeypatch: pytest.MonkeyPatch, ci: str, *, has_rights: bool, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(machine, "_has_the_rights", lambda: has_rights)
    with pytest.raises(outcome, match="no disk"):
        machine.refuse_or_skip("no disk")
