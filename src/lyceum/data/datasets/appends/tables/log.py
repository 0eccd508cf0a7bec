"""The places in a table's log: a line of the commit's own file, read as it lies, without opening the table."""

import json

import obstore

from lyceum.kernel.storage import Storage


async def places_in_commit(storage: Storage, table_key: str, delta_version: int, prefix: str) -> dict[str, int]:
    """Return the places whose names begin with `prefix` that a commit carries, without it; none where it has no file."""
    key = f"{table_key}/_delta_log/{delta_version:020}.json"
    try:
        found = await obstore.get_async(storage.store, key)
    except FileNotFoundError:
        return {}
    content = bytes(await found.bytes_async())
    actions = (json.loads(line) for line in content.splitlines() if b'"txn"' in line)
    marks = (action["txn"] for action in actions if "txn" in action)
    return {mark["appId"].removeprefix(prefix): mark["version"] for mark in marks if mark["appId"].startswith(prefix)}
