"""The door of the registry."""

from lyceum.serve.registry.erasing import ERASER
from lyceum.serve.registry.made import MadeVersion, versions_made_by
from lyceum.serve.registry.queries import GRANTABLE
from lyceum.serve.registry.schemas import ModelVersion
from lyceum.serve.registry.service import NewModelVersion, register_version
from lyceum.serve.registry.snapshot import artifacts_needed_with

__all__ = [
    "ERASER",
    "GRANTABLE",
    "MadeVersion",
    "ModelVersion",
    "NewModelVersion",
    "artifacts_needed_with",
    "register_version",
    "versions_made_by",
]
