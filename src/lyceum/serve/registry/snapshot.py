"""Which model files are needed by the rows of one moment of the database."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg


def artifacts_needed_with(connection: "psycopg.Connection") -> set[str]:
    """Return the keys of the files of all model versions; the owner asks."""
    query = "SELECT artifact_path FROM model_versions UNION SELECT reference_path FROM model_versions"
    return {str(key) for (key,) in connection.execute(query) if key is not None}
