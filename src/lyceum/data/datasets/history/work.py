"""What goes to the process that takes a table back and what comes back; light, since the API imports it."""

import msgspec


class TakingBack(msgspec.Struct, frozen=True, kw_only=True):
    """Which table is to have the rows of which of its versions again."""

    table_key: str
    to_delta_version: int
    operation_id: str


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """The version that has those rows."""

    delta_version: int
