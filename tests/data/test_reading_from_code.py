"""Datasets read by address in pandas, Polars and DuckDB, over a real socket and under the rights of a key."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace

import duckdb
import fsspec
import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.dataset as pads
import pytest

from fixtures.app import SECRET_KEY, rows_of, served, settings_for
from fixtures.servers import PostgresForTests, TestDatabase
from lyceum.data.datasets.addresses import VersionTable
from lyceum.data.datasets.handing.errors import ColumnsMasked
from lyceum.data.datasets.handing.service import hand_out
from lyceum.data.datasets.schemas import TableSchemaOut
from lyceum.kernel.config import Settings
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import Signer
from lyceum_client import Client, NotAllowed, VersionFiles
from lyceum_client.filesystem import LyceumFileSystem
from make.accounts import Member, make_member
from make.data import make_dataset
from make.handed import make_written_version

ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Hub:
    """An API process and its database."""

    url: str
    database: TestDatabase
    settings: Settings


@pytest.fixture(scope="module")
def hub(
    postgres_server: PostgresForTests,
    template_database: str,
    valkey_server: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hub]:
    database = postgres_server.create_database(f"read_{secrets.token_hex(6)}", template=template_database)
    settings = settings_for(database, tmp_path_factory.mktemp("read"), valkey_url=valkey_server)
    with served("lyceum.web", settings) as process:
        yield Hub(process.url, database, settings)


@pytest.fixture(scope="module")
def owner(hub: Hub) -> Member:
    return make_member(hub.database)


@pytest.fixture(scope="module")
def wide(hub: Hub, owner: Member) -> str:
    """A dataset of one file with ten columns that do not compress."""
    dataset_id, address = make_dataset(hub.database, owner, name="wide")
    noise = np.random.default_rng(1)
    frame = pl.DataFrame({f"c{place}": noise.random(ROWS) for place in range(10)})
    make_written_version(hub.database, hub.settings, owner, dataset_id, [frame])
    return address


@pytest.fixture(scope="module")
def grown(hub: Hub, owner: Member) -> str:
    """A dataset whose second version lies in three files."""
    dataset_id, address = make_dataset(hub.database, owner, name="grown.up")
    make_written_version(hub.database, hub.settings, owner, dataset_id, [pl.DataFrame({"a": [0], "b": ["zero"]})])
    parts = [pl.DataFrame({"a": [place, place + 10], "b": ["x", None]}) for place in (1, 2, 3)]
    make_written_version(hub.database, hub.settings, owner, dataset_id, parts, number=2)
    return address


@pytest.fixture
def signed_in(hub: Hub, owner: Member, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The owner's key, where programs look for it."""
    monkeypatch.setenv("LYCEUM_URL", hub.url)
    monkeypatch.setenv("LYCEUM_API_KEY", owner.key)
    LyceumFileSystem.clear_instance_cache()
    yield hub
    LyceumFileSystem.clear_instance_cache()


def test_pandas_reads_a_version_by_its_address(signed_in: Hub, grown: str) -> None:
    newest = pd.read_parquet(f"lyceum://{grown}")
    assert newest["a"].tolist() == [1, 11, 2, 12, 3, 13]
    assert pd.read_parquet(f"lyceum://{grown}@2").equals(newest)
    assert pd.read_parquet(f"lyceum://{grown}@1").to_dict("list") == {"a": [0], "b": ["zero"]}


def test_polars_reads_a_version_by_its_address(signed_in: Hub, grown: str) -> None:
    files = fsspec.filesystem("lyceum")
    with files.open(f"{grown}@2") as file:
        assert pl.read_parquet(file)["a"].to_list() == [1, 11, 2, 12, 3, 13]
    dataset = pads.dataset(f"{grown}@2", filesystem=files)
    lazily = pl.scan_pyarrow_dataset(dataset).filter(pl.col("a") > 10).select("a")
    assert lazily.collect()["a"].to_list() == [11, 12, 13]
    assert pl.read_parquet(f"lyceum://{grown}", use_pyarrow=True)["b"].to_list() == ["x", None] * 3
    with Client() as client:
        natively = pl.scan_parquet([file.url for file in client.datasets.files(grown).files]).select("a")
    assert natively.collect()["a"].to_list() == [1, 11, 2, 12, 3, 13]


def test_duckdb_reads_a_version_by_its_address(signed_in: Hub, grown: str) -> None:
    with duckdb.connect() as connection:
        connection.register_filesystem(fsspec.filesystem("lyceum"))
        rows = connection.sql(f"SELECT sum(a), count(b) FROM 'lyceum://{grown}@2/*.parquet'").fetchall()
        assert rows == [(42, 3)]
        assert connection.sql(f"SELECT a FROM read_parquet('lyceum://{grown}@1/*.parquet')").fetchall() == [(0,)]


def test_a_column_of_ten_loads_a_tenth_of_the_file(signed_in: Hub, wide: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = fsspec.filesystem("lyceum")
    loaded: list[int] = []
    ask = files.read_range

    def counted(place: str, start: int, end: int) -> bytes:
        loaded.append(end - start)
        content: bytes = ask(place, start, end)
        return content

    monkeypatch.setattr(files, "read_range", counted)
    [whole] = [entry["size"] for entry in files.ls(wide)]
    for read in (
        lambda: pd.read_parquet(f"lyceum://{wide}@1", columns=["c3"])["c3"],
        lambda: pl.scan_pyarrow_dataset(pads.dataset(wide, filesystem=files)).select("c3").collect()["c3"],
        lambda: duck(files, f"SELECT c3 FROM 'lyceum://{wide}@1/*.parquet'"),
    ):
        loaded.clear()
        assert len(read()) == ROWS
        assert sum(loaded) < 0.15 * whole


def duck(files: fsspec.AbstractFileSystem, query: str) -> list[object]:
    with duckdb.connect() as connection:
        connection.register_filesystem(files)
        return list(connection.sql(query).fetchall())


def test_a_version_is_a_folder_of_files_that_can_be_listed_and_read(signed_in: Hub, grown: str) -> None:
    files = fsspec.filesystem("lyceum")
    org = grown.partition("/")[0]
    assert org in files.ls("", detail=False)
    assert grown in files.ls(org, detail=False)
    names = files.ls(f"{grown}@2", detail=False)
    assert len(names) == 3
    assert files.isdir(f"lyceum://{grown}")
    content = files.cat_file(names[0])
    assert content[:4] == content[-4:] == b"PAR1"
    assert files.cat_file(names[0], 4, 20) == content[4:20]
    with pytest.raises(ValueError, match="upload a new version instead"):
        files.open(names[0], "wb")


def test_what_a_key_may_not_read_is_not_there(hub: Hub, grown: str) -> None:
    stranger = make_member(hub.database)
    for key, refusal in ((stranger.key, FileNotFoundError), ("lyk_" + "0" * 43, PermissionError)):
        with pytest.raises(refusal):
            fsspec.filesystem("lyceum", base_url=hub.url, api_key=key).info(grown)
    options = {"base_url": hub.url, "api_key": stranger.key}
    with pytest.raises(FileNotFoundError):
        pd.read_parquet(f"lyceum://{grown}", storage_options=options)
    rows_of(hub.database, "UPDATE datasets SET visibility = 'public' WHERE name = 'grown.up'")
    try:
        assert len(pd.read_parquet(f"lyceum://{grown}", storage_options=options)) == 6
    finally:
        rows_of(hub.database, "UPDATE datasets SET visibility = 'private' WHERE name = 'grown.up'")
    LyceumFileSystem.clear_instance_cache()


def test_an_address_of_a_file_opens_that_file_until_it_runs_out(hub: Hub, owner: Member, grown: str) -> None:
    with Client(hub.url, owner.key) as client:
        first, second, _ = client.datasets.files(grown).files
    whole = httpx.get(first.url)
    assert (whole.status_code, len(whole.content)) == (200, first.byte_count)
    for part, changed in (
        (first.name, second.name),
        (f"byte_count={first.byte_count}", f"byte_count={first.byte_count + 1}"),
        ("signature=", "signature=9"),
    ):
        refused = httpx.get(first.url.replace(part, changed))
        assert (refused.status_code, refused.json()["code"]) == (403, "file_address_invalid"), part
    run_out = Signer(SECRET_KEY.encode()).sign("", lifetime_seconds=-10).partition(".")[0]
    before, _, signature = first.url.rpartition("=")
    assert httpx.get(f"{before}={run_out}.{signature.partition('.')[2]}").status_code == 403


def test_addresses_that_ran_out_are_asked_for_again(
    signed_in: Hub, grown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fsspec.filesystem("lyceum")
    with files.open(files.ls(f"{grown}@2", detail=False)[1]) as file:
        version = files._versions[f"{grown}@2"]
        spoiled = {name: replace(one, url=f"{one.url}0") for name, one in version.files.items()}
        monkeypatch.setitem(files._versions, f"{grown}@2", replace(version, files=spoiled))
        assert pl.read_parquet(file)["a"].to_list() == [2, 12]


def test_a_version_whose_columns_are_masked_is_read_as_a_download(
    signed_in: Hub, grown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fsspec.filesystem("lyceum")

    def refuse(address: str) -> VersionFiles:
        raise NotAllowed(403, "columns_masked", "b is masked for you.")

    monkeypatch.setattr(files._datasets, "files", refuse)
    assert files.isfile(f"{grown}@2")
    assert pd.read_parquet(f"lyceum://{grown}@2")["a"].tolist() == [1, 11, 2, 12, 3, 13]


async def test_files_with_masked_columns_are_not_handed_out(resources: Resources) -> None:
    schema = TableSchemaOut(columns=[])
    table = VersionTable(new_id(), new_id(), new_id(), "acme/people", 1, "tables/a/b", 1, 3, {}, schema, None, {})
    with pytest.raises(ColumnsMasked, match=r"hold personal data \(mail, name\)"):
        await hand_out(resources, table, masked={"name", "mail"})
