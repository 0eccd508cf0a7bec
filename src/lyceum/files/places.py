"""Where the content of an upload lies in the storage, on its way and when it is whole."""

import secrets
from uuid import UUID


def storage_key(org_id: UUID, upload_id: UUID) -> str:
    """Return where the content lies that the hub itself was sent; its other places begin with this."""
    return f"uploads/{org_id}/{upload_id}"


def sent_key(org_id: UUID, upload_id: UUID) -> str:
    """Return where a client sends the content in an object store: what is sent there later changes no whole upload."""
    return f"{storage_key(org_id, upload_id)}.sent"


def parts_folder(org_id: UUID, upload_id: UUID) -> str:
    """Return the folder of the parts that are there, and of those on their way."""
    return f"{storage_key(org_id, upload_id)}.parts"


def part_key(org_id: UUID, upload_id: UUID, number: int) -> str:
    """Return where a client sends a part in an object store."""
    return f"{parts_folder(org_id, upload_id)}/{part_name(number)}"


def part_name(number: int) -> str:
    """Return the name of a part in the folder of them; names sort in the order of the parts."""
    return f"{number:05}"


def new_part_key(org_id: UUID, upload_id: UUID, number: int) -> str:
    """Return a place of its own for one sending of a part to the hub: two at once must not mix."""
    return f"{part_key(org_id, upload_id, number)}.{secrets.token_hex(8)}"


def copies_folder(org_id: UUID, upload_id: UUID) -> str:
    """Return the folder of what completions made of what was sent; one of these files is the content."""
    return f"{storage_key(org_id, upload_id)}.whole"


def new_copy_key(org_id: UUID, upload_id: UUID) -> str:
    """Return a place of its own for what one completion makes."""
    return f"{copies_folder(org_id, upload_id)}/{secrets.token_hex(8)}"
