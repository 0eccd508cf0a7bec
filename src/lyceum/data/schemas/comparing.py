"""Reading and comparing schemas beside the loop: the largest take seconds."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache

from lyceum.data.schemas.engine.public import Change, ParsedSchema, Written, changes_between, parse, serialized

PARSED_KEPT = 64
_kept = lru_cache(maxsize=PARSED_KEPT)(parse)


async def parsed(written: Written, *, normalize: bool = False) -> ParsedSchema:
    """Return what a schema says; raises `InvalidSchema`."""
    return await asyncio.to_thread(_kept, written, normalize=normalize)


async def changes_since(olds: Sequence[Written], new: ParsedSchema) -> list[list[Change]]:
    """Return what has changed since each of the older schemas."""
    return await asyncio.to_thread(lambda: [changes_between(_kept(old, normalize=False), new) for old in olds])


async def in_binary(written: Written) -> str:
    """Return a Protobuf schema as a descriptor in base64, any other as its text."""
    return await asyncio.to_thread(lambda: serialized(_kept(written, normalize=False)))
