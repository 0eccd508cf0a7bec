"""What each module says of the data of people: how theirs is given out, and how it goes. `wiring` lists them all."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lyceum.kernel.resources import Resources

Rows = AsyncIterator[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Exporter:
    """One file of a person's archive: its name, a sentence that says what is in it, and its rows."""

    name: str
    says: str
    rows: Callable[[Resources, UUID], Rows]


@dataclass(frozen=True, slots=True)
class Eraser:
    """How what a module keeps goes: of a person, before their row leads to nobody; of an organisation, its rows and files.

    Both are safe to run twice and where the rows went before, and raise what keeps them from being done: then all of it is
    tried again.
    """

    name: str
    of_person: Callable[[Resources, UUID], Awaitable[None]] | None = None
    of_organisation: Callable[[Resources, UUID], Awaitable[None]] | None = None
