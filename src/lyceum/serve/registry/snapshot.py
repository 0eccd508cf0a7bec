"""Which model files are needed by the rows of one moment of the database."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg


def artifacts_needed_with(connection: "psycopg.Connection") -> set[str]:
    """Return the keys of the files of all model versions; the owner asks."""
    return {str(key) for (key,) in connection.execute("SELECT artifact_path FROM model_versions")}
