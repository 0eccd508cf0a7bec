"""The head of a message that was written with a schema registry; light, since consumers look at every message's."""

FRAME_BYTES = 5
_MAGIC = 0


def schema_number(value: bytes) -> int | None:
    """Return the number of the schema that a message names; None where it names none."""
    if len(value) < FRAME_BYTES or value[0] != _MAGIC:
        return None
    return int.from_bytes(value[1:FRAME_BYTES], "big")
