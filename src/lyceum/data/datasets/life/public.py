"""What the rest of the hub knows of versions' life."""

from lyceum.data.datasets.life.thinning import VersionsInUse

__all__ = ["VersionsInUse"]
