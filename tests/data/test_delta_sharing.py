"""Datasets as an unmodified client of Delta Sharing reads them, over a real socket."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import delta_sharing
import httpx
import polars as pl
import pytest
from delta_sharing.protocol import Schema, Share
from requests.exceptions import HTTPError

from fixtures.app import rows_of, served, settings_for
from fixtures.servers import PostgresForTests, TestDatabase
from lyceum.kernel.config import Settings
from make.accounts import Member, make_key, make_member
from make.data import make_dataset
from make.handed import make_written_version

# the client says `copy=` to a pandas that has no use for it
pytestmark = pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
EVERY_TYPE = pl.DataFrame(
    {
        "n": [1, None],
        "x": [0.5, 1.5],
        "text": ["ä", None],
        "yes": [True, False],
        "day": [NOON.date(), None],
        "at": pl.Series([NOON, None], dtype=pl.Datetime("us", "UTC")),
    }
)


@dataclass(frozen=True, slots=True)
class Hub:
    """An API process and its database."""

    url: str
    database: TestDatabase
    settings: Settings
    folder: Path

    def profile(self, key: str) -> str:
        """Return where the profile lies that the hub gives for a key."""
        told = httpx.get(f"{self.url}/delta-sharing/profile", headers={"authorization": f"Bearer {key}"})
        assert told.status_code == 200, told.text
        assert told.headers["cache-control"] == "private, no-store"
        path = self.folder / f"{secrets.token_hex(4)}.share"
        path.write_text(told.text)
        return str(path)


@pytest.fixture(scope="module")
def hub(
    postgres_server: PostgresForTests,
    template_database: str,
    valkey_server: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hub]:
    database = postgres_server.create_database(f"share_{secrets.token_hex(6)}", template=template_database)
    settings = settings_for(database, tmp_path_factory.mktemp("share"), valkey_url=valkey_server)
    with served("lyceum.web", settings) as process:
        yield Hub(process.url, database, settings, tmp_path_factory.mktemp("profiles"))


@pytest.fixture(scope="module")
def owner(hub: Hub) -> Member:
    return make_member(hub.database)


def new_table(hub: Hub, owner: Member, name: str, *versions: list[pl.DataFrame]) -> UUID:
    dataset_id, _ = make_dataset(hub.database, owner, name=name)
    for number, frames in enumerate(versions, start=1):
        make_written_version(hub.database, hub.settings, owner, dataset_id, frames, number=number)
    return dataset_id


@pytest.fixture(scope="module")
def grown(hub: Hub, owner: Member) -> str:
    """The name of a dataset whose second version lies in three files."""
    parts = [pl.DataFrame({"a": [place, place + 10]}) for place in (1, 2, 3)]
    new_table(hub, owner, "grown", [pl.DataFrame({"a": [0]})], parts)
    return "grown"


def test_a_client_lists_and_reads_what_its_key_may_read(hub: Hub, owner: Member, grown: str) -> None:
    profile = hub.profile(owner.key)
    client = delta_sharing.SharingClient(profile)
    assert Share(owner.org_name) in client.list_shares()
    assert client.list_schemas(Share(owner.org_name)) == [Schema("datasets", owner.org_name)]
    assert grown in [table.name for table in client.list_tables(Schema("datasets", owner.org_name))]
    assert [table.name for table in client.list_all_tables() if table.share == owner.org_name].count(grown) == 1
    url = f"{profile}#{owner.org_name}.datasets.{grown}"
    assert delta_sharing.load_as_pandas(url)["a"].tolist() == [1, 11, 2, 12, 3, 13]
    assert delta_sharing.load_as_pandas(url, limit=3)["a"].tolist() == [1, 11, 2]
    assert delta_sharing.get_table_version(url) == 2
    assert delta_sharing.get_table_metadata(url).num_files == 3


def test_a_version_of_the_table_is_a_version_of_the_dataset(hub: Hub, owner: Member, grown: str) -> None:
    url = f"{hub.profile(owner.key)}#{owner.org_name}.datasets.{grown}"
    assert delta_sharing.load_as_pandas(url, version=1)["a"].tolist() == [0]
    statement = "UPDATE dataset_versions SET accepted_at = now() - interval '1 day' WHERE number = 1"
    rows_of(hub.database, statement)
    between = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert delta_sharing.load_as_pandas(url, timestamp=between)["a"].tolist() == [0]
    assert delta_sharing.get_table_version(url, between) == 2
    with pytest.raises(HTTPError, match="RESOURCE_DOES_NOT_EXIST"):
        delta_sharing.load_as_pandas(url, version=9)


@pytest.mark.parametrize("form", ["any", "parquet", "delta"])
def test_every_type_arrives_as_it_was(hub: Hub, owner: Member, form: str) -> None:
    name = f"types-{form}"
    use_delta_format = None if form == "any" else form == "delta"
    without_zone = EVERY_TYPE.with_columns(local=pl.Series([NOON.replace(tzinfo=None), None], dtype=pl.Datetime("us")))
    new_table(hub, owner, name, [EVERY_TYPE], [without_zone])
    url = f"{hub.profile(owner.key)}#{owner.org_name}.datasets.{name}"
    for version, frame in ((1, EVERY_TYPE), (2, without_zone)):
        read = delta_sharing.load_as_pandas(url, version=version, use_delta_format=use_delta_format)
        assert pl.from_pandas(read).cast(dict(frame.schema)).equals(frame), (version, read)


def test_a_key_reads_nothing_it_has_no_right_to(hub: Hub, owner: Member, grown: str) -> None:
    stranger = make_member(hub.database)
    profile = hub.profile(stranger.key)
    url = f"{profile}#{owner.org_name}.datasets.{grown}"
    assert Share(owner.org_name) not in delta_sharing.SharingClient(profile).list_shares()
    with pytest.raises(HTTPError, match="RESOURCE_DOES_NOT_EXIST") as refused:
        delta_sharing.load_as_pandas(url)
    assert refused.value.response is not None
    assert refused.value.response.status_code == 404
    rows_of(hub.database, "UPDATE datasets SET visibility = 'public' WHERE name = %s", grown)
    try:
        assert Share(owner.org_name) in delta_sharing.SharingClient(profile).list_shares()
        assert len(delta_sharing.load_as_pandas(url)) == 6
    finally:
        rows_of(hub.database, "UPDATE datasets SET visibility = 'private' WHERE name = %s", grown)


def test_a_key_without_the_scope_and_a_revoked_one_are_refused(hub: Hub, owner: Member, grown: str) -> None:
    path = f"{hub.url}/delta-sharing/shares/{owner.org_name}/schemas/datasets/tables/{grown}/query"
    _, narrow = make_key(hub.database, org_id=owner.org_id, user_id=owner.user_id, scopes=("models:read",))
    revoked_id, revoked = make_key(hub.database, org_id=owner.org_id, user_id=owner.user_id)
    rows_of(hub.database, "UPDATE api_keys SET revoked_at = now() WHERE id = %s", revoked_id)
    for key, status, code in ((narrow, 403, "PERMISSION_DENIED"), (revoked, 401, "UNAUTHENTICATED")):
        refused = httpx.post(path, json={}, headers={"authorization": f"Bearer {key}"})
        assert (refused.status_code, refused.json()["errorCode"]) == (status, code)
        assert refused.json()["message"]


def test_what_the_hub_does_not_offer_is_told_in_the_form_of_the_protocol(hub: Hub, owner: Member, grown: str) -> None:
    table = f"{hub.url}/delta-sharing/shares/{owner.org_name}/schemas/datasets/tables/{grown}"
    with httpx.Client(headers={"authorization": f"Bearer {owner.key}"}) as client:
        for refused in (
            client.post(f"{table}/query", json={"startingVersion": 1}),
            client.get(f"{table}/changes", params={"startingVersion": 1}),
            client.post(f"{table}/query", json={"version": "one"}),
        ):
            assert (refused.status_code, refused.json()["errorCode"]) == (400, "INVALID_PARAMETER_VALUE")
        other = table.replace("schemas/datasets", "schemas/other")
        assert client.get(f"{other}/version").json()["errorCode"] == "RESOURCE_DOES_NOT_EXIST"
        hinted = client.post(f"{table}/query", json={"predicateHints": ["a > 1"], "jsonPredicateHints": "{}"})
        lines = [json.loads(line) for line in hinted.text.splitlines()]
        assert [next(iter(line)) for line in lines] == ["protocol", "metaData", "file", "file", "file"]
        assert client.head(table).headers["delta-table-version"] == "2"


def test_a_name_with_a_dot_is_written_with_its_code(hub: Hub, owner: Member) -> None:
    new_table(hub, owner, "my.table", [pl.DataFrame({"a": [1]})])
    url = f"{hub.profile(owner.key)}#{owner.org_name}.datasets.my%2Etable"
    assert delta_sharing.load_as_pandas(url)["a"].tolist() == [1]


def test_lists_come_in_pages(hub: Hub) -> None:
    owner = make_member(hub.database)
    for name in ("one", "two", "three"):
        new_table(hub, owner, name)
    path = f"{hub.url}/delta-sharing/shares/{owner.org_name}/schemas/datasets/tables"
    with httpx.Client(headers={"authorization": f"Bearer {owner.key}"}) as client:
        first = client.get(path, params={"maxResults": 2}).json()
        rest = client.get(path, params={"maxResults": 2, "pageToken": first["nextPageToken"]}).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["three", "two", "one"]
    assert "nextPageToken" not in rest
