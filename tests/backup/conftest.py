"""Hubs to copy, places to copy them to, and databases to put them back into."""

from pathlib import Path

import pyrage
import pytest

from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from lyceum.backup.destination import Destination, open_destination
from lyceum.backup.keys import BackupKeys
from make.backups import HubToCopy, make_hub_to_copy


@pytest.fixture
def hub(fresh_database: TestDatabase, tmp_path: Path) -> HubToCopy:
    """A hub with something of everything."""
    return make_hub_to_copy(fresh_database, tmp_path / "home", tmp_path)


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    """An empty folder for backups."""
    return open_destination(str(tmp_path / "backups"), {})


@pytest.fixture
def bucket(s3_place: S3Place) -> Destination:
    """An empty prefix in a bucket for backups."""
    return open_destination(s3_place.url, s3_place.options)


@pytest.fixture
def keys() -> BackupKeys:
    """A key that makes and reads backups."""
    identity = pyrage.x25519.Identity.generate()
    return BackupKeys((str(identity.to_public()),), (str(identity),))
