"""What organisations keep on a hub."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lyceum_client.answers import read_answer
from lyceum_client.transport import Transport, segment


@dataclass(frozen=True, slots=True)
class KeptBytes:
    """How much of one kind is kept."""

    byte_count: int
    object_count: int


@dataclass(frozen=True, slots=True)
class KeptStorage:
    """What an organisation keeps, by kind, and the most it may keep in bytes; None: any amount."""

    models: KeptBytes
    tables: KeptBytes
    uploads: KeptBytes
    byte_count: int
    bytes_max: int | None


@dataclass(frozen=True, slots=True)
class OrganisationStorage:
    """What one organisation keeps; its quota is its own, or that of the hub's settings."""

    id: str
    organisation: str
    has_own_quota: bool
    storage: KeptStorage


@dataclass(frozen=True, slots=True)
class HubDisk:
    """The disk the hub's data lies on; below `free_bytes_min` nothing is written that grows."""

    total_bytes: int
    free_bytes: int
    free_bytes_min: int


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A stored file that is missing, or changed since it was stored; `key` says where it lies in the hub's storage."""

    organisation: str
    key: str
    problem: str
    found_at: datetime


class Storage:
    """`client.storage`; all but `get` needs the power `hub:operate`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> KeptStorage:
        """Return what the key's organisation keeps, and the most it may keep."""
        return read_answer(KeptStorage, self._transport.get("/storage"))

    def disk(self) -> HubDisk:
        """Return how full the hub's disk is."""
        return read_answer(HubDisk, self._transport.get("/hub/storage", params={"limit": 1})["disk"])

    def damaged(self) -> list[DamagedFile]:
        """Return the files the hub's weekly look found damaged, the last 100."""
        page = self._transport.get("/hub/storage", params={"limit": 1})
        return [read_answer(DamagedFile, item) for item in page["damaged"]]

    def list_of_hub(self) -> Iterator[OrganisationStorage]:
        """Yield what each organisation of the hub keeps, in the order they were made."""
        return self._transport.pages("/hub/storage", lambda item: read_answer(OrganisationStorage, item))

    def set_quota(self, organisation: str, bytes_max: int | None) -> None:
        """Limit what an organisation keeps: 0 is any amount, None leaves it to the hub's setting. Raises `NotFound`."""
        self._transport.put(f"/hub/storage/{segment(organisation)}/quota", {"bytes_max": bytes_max})
