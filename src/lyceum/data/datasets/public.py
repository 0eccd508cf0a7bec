"""The door of datasets."""

from lyceum.data.datasets.addresses import DatasetRef, VersionCard, VersionTable
from lyceum.data.datasets.cards import (
    accepted_after,
    addresses_of_datasets,
    owner_of_dataset,
    version_cards,
    versions_after,
)
from lyceum.data.datasets.declared import is_open, make_declared
from lyceum.data.datasets.earlier import earlier_version_by_id, latest_version_of
from lyceum.data.datasets.erasing import ERASER
from lyceum.data.datasets.errors import DatasetNotFound, VersionNotFound
from lyceum.data.datasets.health import DatasetStanding, HealthSources
from lyceum.data.datasets.profiles import marks_of_dataset, marks_of_version, profile_by_id
from lyceum.data.datasets.pushes.edge import keep_records, make_version_of_kept
from lyceum.data.datasets.queries import (
    addresses_of_versions,
    dataset_ref_for,
    note_read_of_version,
    version_table_by_id,
    version_table_for,
)
from lyceum.data.datasets.sharing import GRANTABLE, acting_on_dataset, acts_on_dataset, writing_to, writing_to_dataset
from lyceum.data.datasets.snapshot import files_kept_with, log_needed_with

__all__ = [
    "ERASER",
    "GRANTABLE",
    "DatasetNotFound",
    "DatasetRef",
    "DatasetStanding",
    "HealthSources",
    "VersionCard",
    "VersionNotFound",
    "VersionTable",
    "accepted_after",
    "acting_on_dataset",
    "acts_on_dataset",
    "addresses_of_datasets",
    "addresses_of_versions",
    "dataset_ref_for",
    "earlier_version_by_id",
    "files_kept_with",
    "is_open",
    "keep_records",
    "latest_version_of",
    "log_needed_with",
    "make_declared",
    "make_version_of_kept",
    "marks_of_dataset",
    "marks_of_version",
    "note_read_of_version",
    "owner_of_dataset",
    "profile_by_id",
    "version_cards",
    "version_table_by_id",
    "version_table_for",
    "versions_after",
    "writing_to",
    "writing_to_dataset",
]
