"""Keys and passwords are changed as the runbook says, with the consequences it names and no others."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from fixtures.app import free_port, rows_of
from fixtures.commands import lyceum, told, up
from fixtures.hubs import HubProcess, StartHub, folder, start_hub
from fixtures.servers import OwnServers
from lyceum.hub.at_rest import hub_data
from lyceum.hub.postgres import APP_ROLE, OWNER_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.config import load_settings

__all__ = ["folder", "start_hub"]

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

CONTENT = b"a\n1\n"


@contextmanager
def asking(hub: HubProcess, key: str) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=hub.status()["url"], headers=headers, timeout=30, verify=False, trust_env=False) as asks:
        yield asks


def begun(asks: httpx.Client) -> str:
    """Begin an upload and return the address that was signed for it, without the hub's own."""
    answer = asks.post("/api/v1/uploads", json={"file_name": "t.csv"})
    assert answer.status_code == 201, answer.text
    address = urlsplit(answer.json()["put_url"])
    return f"{address.path}?{address.query}"


def assert_addresses_are_void_and_keys_go_on(asks: httpx.Client, signed_before: str) -> None:
    refused = asks.put(signed_before, content=CONTENT)
    assert (refused.status_code, refused.json()["code"]) == (403, "upload_address_invalid"), refused.text
    assert asks.get("/api/v1/me").status_code == 200
    assert asks.put(begun(asks), content=CONTENT).status_code == 200


def test_a_hub_whose_secrets_are_put_aside_makes_all_of_them_anew(start_hub: StartHub) -> None:
    ports = {"LYCEUM_PORT": str(free_port()), "LYCEUM_PREDICT_PORT": str(free_port())}
    hub = up(start_hub, None, **ports)
    key = told("admin", "key", home=hub.home).strip()
    with asking(hub, key) as asks:
        made = asks.post("/api/v1/api-keys", json={"name": "became known"}).json()
        signed = begun(asks)
        assert asks.delete(f"/api/v1/api-keys/{made['id']}").status_code == 200
    assert hub.interrupt() == 0
    secrets = hub.home / "secrets.json"
    before: Mapping[str, str] = json.loads(secrets.read_text(encoding="utf-8"))
    secrets.rename(hub.home / "put-aside.json")

    again = up(start_hub, hub.home, **ports)
    after: Mapping[str, str] = json.loads(secrets.read_text(encoding="utf-8"))
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    with asking(again, key) as asks:
        assert_addresses_are_void_and_keys_go_on(asks, signed)
    with asking(again, made["secret"]) as asks:
        assert asks.get("/api/v1/me").status_code == 401
    with hub_data(load_settings(home=hub.home)) as data:
        address = migrate.libpq_url(data.owner_url)
        psycopg.connect(address).close()
        assert after["owner_password"] in address
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(address.replace(after["owner_password"], before["owner_password"]))


def test_a_signing_key_that_is_set_and_passwords_of_a_postgresql_of_yours_are_changed(
    start_hub: StartHub, own_hub_servers: OwnServers
) -> None:
    database = own_hub_servers.database

    def settings(owner_url: str, app_url: str, secret_key: str) -> dict[str, str]:
        return {
            "LYCEUM_DATABASE_URL": app_url,
            "LYCEUM_DATABASE_OWNER_URL": owner_url,
            "LYCEUM_SECRET_KEY": secret_key,
        }

    old = settings(database.owner_url, database.app_url, "the-signing-key-of-before")
    hub = up(start_hub, None, **old)
    key = told("admin", "key", home=hub.home, **old).strip()
    with asking(hub, key) as asks:
        signed = begun(asks)
    assert hub.interrupt() == 0
    for role in (APP_ROLE, OWNER_ROLE):
        rows_of(database, f"ALTER ROLE {role} PASSWORD 'changed-{role}'", role="admin")
    held = own_hub_servers.postgres.credentials
    changed = settings(
        database.owner_url.replace(held.owner_password, f"changed-{OWNER_ROLE}"),
        database.app_url.replace(held.app_password, f"changed-{APP_ROLE}"),
        "the-signing-key-of-now",
    )

    refused = lyceum("up", home=hub.home, **old)
    assert refused.returncode != 0
    assert "password authentication failed" in refused.stderr
    again = up(start_hub, hub.home, **changed)
    with asking(again, key) as asks:
        assert_addresses_are_void_and_keys_go_on(asks, signed)


def test_after_another_key_of_backups_each_backup_is_read_with_its_own(start_hub: StartHub, folder: Path) -> None:
    hub = up(start_hub)
    place, recipient = folder / "backups", folder / "recipient"
    key = told("admin", "key", home=hub.home).strip()
    ids = {}
    for name in ("old", "new"):
        recipient.write_text(told("backup", "key", folder / name, home=hub.home).split()[-1], encoding="utf-8")
        with asking(hub, key) as asks:
            assert asks.post("/api/v1/datasets", json={"name": name}).status_code == 201
        made = told("backup", "create", "--to", place, "--key-file", recipient, home=hub.home)
        ids[name] = made.split()[1]
    assert hub.interrupt() == 0

    crossed = lyceum("backup", "verify", "--from", place, "--key-file", folder / "old", home=hub.home)
    assert crossed.returncode != 0
    for name, datasets in (("old", ["old"]), ("new", ["new", "old"])):
        home = folder / f"home-{name}"
        told("backup", "restore", ids[name], "--from", place, "--key-file", folder / name, home=home)
        with (
            hub_data(load_settings(home=home)) as data,
            psycopg.connect(migrate.libpq_url(data.owner_url)) as connection,
        ):
            named = connection.execute("SELECT name FROM datasets ORDER BY name").fetchall()
        assert [each for (each,) in named] == datasets
