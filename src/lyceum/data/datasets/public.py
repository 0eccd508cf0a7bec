"""The door of datasets."""

from lyceum.data.datasets.addresses import DatasetRef, VersionTable
from lyceum.data.datasets.earlier import earlier_version_by_id
from lyceum.data.datasets.erasing import ERASER
from lyceum.data.datasets.errors import DatasetNotFound, VersionNotFound
from lyceum.data.datasets.queries import (
    addresses_of_versions,
    dataset_ref_for,
    note_read_of_version,
    profile_by_id,
    version_table_by_id,
    version_table_for,
)
from lyceum.data.datasets.sharing import GRANTABLE, writing_to, writing_to_dataset
from lyceum.data.datasets.snapshot import files_kept_with, log_needed_with

__all__ = [
    "ERASER",
    "GRANTABLE",
    "DatasetNotFound",
    "DatasetRef",
    "VersionNotFound",
    "VersionTable",
    "addresses_of_versions",
    "dataset_ref_for",
    "earlier_version_by_id",
    "files_kept_with",
    "log_needed_with",
    "note_read_of_version",
    "profile_by_id",
    "version_table_by_id",
    "version_table_for",
    "writing_to",
    "writing_to_dataset",
]
