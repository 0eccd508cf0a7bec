"""The door of the registry."""

from lyceum.serve.registry.schemas import ModelVersion
from lyceum.serve.registry.service import NewModelVersion, register_version

__all__ = ["ModelVersion", "NewModelVersion", "register_version"]
