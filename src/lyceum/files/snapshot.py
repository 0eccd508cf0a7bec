"""Which uploads are needed by the rows of one moment of the database."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

_WAITING = """
    SELECT content_key FROM uploads
    WHERE state = 'complete' OR (state = 'taken' AND definer.upload_is_awaited(id))
"""


def uploads_needed_with(connection: "psycopg.Connection") -> set[str]:
    """Return the keys of the uploads that something is still to be made of; the owner asks."""
    return {str(key) for (key,) in connection.execute(_WAITING)}
