"""What is asked of a database, sealed for the row it stands in: it holds a password."""

from uuid import UUID

import msgspec

from lyceum.data.datasets.databases.errors import DatabaseUrlInvalid
from lyceum.data.datasets.databases.work import Wish
from lyceum.kernel.resources import Resources

PURPOSE = "sql import"


def sealed_wish(resources: Resources, about: UUID, wish: Wish) -> bytes:
    """Return what opens for this row alone."""
    return resources.sealer.seal(PURPOSE, about.hex, msgspec.json.encode(wish))


def opened_wish(resources: Resources, about: UUID, sealed: bytes) -> Wish:
    """Return what was sealed for a row; raises `DatabaseUrlInvalid` where a hub with another secret key did."""
    opened = resources.sealer.opened(PURPOSE, about.hex, sealed)
    if opened is None:
        raise DatabaseUrlInvalid("The database's address was sealed by a hub with another secret key; name it again.")
    return msgspec.json.decode(opened, type=Wish)
