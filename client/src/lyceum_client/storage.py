"""What organisations keep on a hub."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice

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


@dataclass(frozen=True, slots=True)
class HubStorage:
    """The hub's disk, the files its weekly look found damaged (the last 100), and its organisations as they were made."""

    disk: HubDisk
    damaged: tuple[DamagedFile, ...]
    organisations: tuple[OrganisationStorage, ...]


class Storage:
    """`client.storage`; all but `get` needs the power `hub:operate`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> KeptStorage:
        """Return what the key's organisation keeps, and the most it may keep."""
        return read_answer(KeptStorage, self._transport.get("/storage"))

    def of_hub(self, *, limit: int | None = None) -> HubStorage:
        """Return the hub's disk, its damaged files, and what its organisations keep, at most so many of these."""
        pages = self._transport.answers_of_pages("/hub/storage")
        first = next(pages)
        told = read_answer(HubStorage, first)
        items = chain.from_iterable(page["items"] for page in chain([first], pages))
        found = tuple(read_answer(OrganisationStorage, item) for item in islice(items, limit))
        return replace(told, organisations=found)

    def set_quota(self, organisation: str, bytes_max: int | None) -> None:
        """Limit what an organisation keeps: 0 is any amount, None leaves it to the hub's setting. Raises `NotFound`."""
        self._transport.put(f"/hub/storage/{segment(organisation)}/quota", {"bytes_max": bytes_max})
