"""Versions of datasets with the files that belong to them, made without a worker."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import msgspec
import polars as pl

from fixtures.app import SECRET_KEY, rows_of
from fixtures.servers import TestDatabase
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.databases.sealing import PURPOSE
from lyceum.data.datasets.databases.work import Wish
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import commit, newest_version, stage
from lyceum.kernel.config import Settings
from lyceum.kernel.ids import new_id
from lyceum.kernel.security import Sealer
from lyceum.kernel.storage import open_storage
from make.accounts import Member
from make.data import make_version


def make_sql_source(database: TestDatabase, owner: Member, dataset_id: UUID) -> None:
    """Have a dataset be read from a database that nobody reaches."""
    wish = msgspec.json.encode(Wish(url="mysql://u:p@203.0.113.7/data", table="t"))
    sealed = Sealer(SECRET_KEY.encode()).seal(PURPOSE, dataset_id.hex, wish)
    statement = "INSERT INTO dataset_sql_sources (dataset_id, org_id, wish_sealed, zone) VALUES (%s, %s, %s, 'UTC')"
    rows_of(database, statement, dataset_id, owner.org_id, sealed)


def make_written_version(
    database: TestDatabase,
    settings: Settings,
    owner: Member,
    dataset_id: UUID,
    frames: Sequence[pl.DataFrame],
    *,
    number: int = 1,
) -> UUID:
    """Make a version of one file for each frame, and return its id."""
    store = table_store(open_storage(settings))
    key = table_key(owner.org_id, dataset_id)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{place}.parquet" for place in range(len(frames))]
        for path, frame in zip(paths, frames, strict=True):
            frame.write_parquet(path, row_group_size=50_000)
        data = stage(store, new_id().hex, paths)
        delta_version = commit(store, key, data, base=newest_version(store, key))
    version_id = make_version(database, owner, dataset_id, number=number)
    rows = sum(frame.height for frame in frames)
    statement = (
        "UPDATE dataset_versions SET delta_version = %s, row_count = %s, accepted_at = clock_timestamp() WHERE id = %s"
    )
    rows_of(database, statement, delta_version, rows, version_id)
    return version_id
