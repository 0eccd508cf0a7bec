"""The door of databases that datasets are read from."""

from lyceum.data.datasets.databases.models import SqlSourceRow

__all__ = ["SqlSourceRow"]
