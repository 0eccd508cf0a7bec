"""The door of datasets."""

from lyceum.data.datasets.addresses import DatasetRef, VersionCard, VersionTable
from lyceum.data.datasets.appends.public import is_there
from lyceum.data.datasets.cards import (
    accepted_after,
    addresses_of_datasets,
    dataset_of_version,
    owner_of_dataset,
    rows_taken,
    tags_of_dataset,
    version_cards,
    versions_after,
)
from lyceum.data.datasets.declared import make_declared, newest_declared
from lyceum.data.datasets.earlier import earlier_version_by_id, latest_version_of, version_table_at
from lyceum.data.datasets.erasing import ERASER
from lyceum.data.datasets.errors import DatasetNotFound, VersionNotFound, VersionThinned
from lyceum.data.datasets.health import DatasetStanding, HealthSources
from lyceum.data.datasets.judges import VersionJudge
from lyceum.data.datasets.profiles import marks_of_dataset, marks_of_version, profile_by_id
from lyceum.data.datasets.pushes.edge import keep_records, make_version_of_kept
from lyceum.data.datasets.queries import (
    addresses_of_versions,
    dataset_ref_for,
    list_versions,
    note_read_of_version,
    version_by_id,
    version_for,
    version_table_by_id,
    version_table_for,
)
from lyceum.data.datasets.readiness import is_dormant, require_awake_by_id
from lyceum.data.datasets.sharing import GRANTABLE, acting_on_dataset, acts_on_dataset, writing_to, writing_to_dataset
from lyceum.data.datasets.snapshot import files_kept_with, log_needed_with
from lyceum.data.datasets.work import Judgement

__all__ = [
    "ERASER",
    "GRANTABLE",
    "DatasetNotFound",
    "DatasetRef",
    "DatasetStanding",
    "HealthSources",
    "Judgement",
    "VersionCard",
    "VersionJudge",
    "VersionNotFound",
    "VersionTable",
    "VersionThinned",
    "accepted_after",
    "acting_on_dataset",
    "acts_on_dataset",
    "addresses_of_datasets",
    "addresses_of_versions",
    "dataset_of_version",
    "dataset_ref_for",
    "earlier_version_by_id",
    "files_kept_with",
    "is_dormant",
    "is_there",
    "keep_records",
    "latest_version_of",
    "list_versions",
    "log_needed_with",
    "make_declared",
    "make_version_of_kept",
    "marks_of_dataset",
    "marks_of_version",
    "newest_declared",
    "note_read_of_version",
    "owner_of_dataset",
    "profile_by_id",
    "require_awake_by_id",
    "rows_taken",
    "tags_of_dataset",
    "version_by_id",
    "version_cards",
    "version_for",
    "version_table_at",
    "version_table_by_id",
    "version_table_for",
    "versions_after",
    "writing_to",
    "writing_to_dataset",
]
