"""The door of the registry."""

from lyceum.serve.registry.by_id import (
    ServedModelVersion,
    addresses_of_model_versions,
    model_id_for,
    model_id_to_change,
    numbers_of_versions,
    version_by_id,
)
from lyceum.serve.registry.erasing import ERASER
from lyceum.serve.registry.made import MadeVersion, versions_made_by
from lyceum.serve.registry.queries import GRANTABLE, writing_to
from lyceum.serve.registry.schemas import ModelVersion
from lyceum.serve.registry.service import NewModelVersion, register_version
from lyceum.serve.registry.snapshot import artifacts_needed_with

__all__ = [
    "ERASER",
    "GRANTABLE",
    "MadeVersion",
    "ModelVersion",
    "NewModelVersion",
    "ServedModelVersion",
    "addresses_of_model_versions",
    "artifacts_needed_with",
    "model_id_for",
    "model_id_to_change",
    "numbers_of_versions",
    "register_version",
    "version_by_id",
    "versions_made_by",
    "writing_to",
]
