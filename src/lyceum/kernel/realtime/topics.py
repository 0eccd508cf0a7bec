"""What can be followed: topics, each of a module that says who may."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import Database, Scope
from lyceum.kernel.tx import aside


class Caller(Protocol):
    """Whoever holds a socket, as far as it matters here."""

    @property
    def user_id(self) -> UUID | None:
        """Whose socket it is; None for nobody's."""

    @property
    def scope(self) -> Scope:
        """For whom the database works."""


C = TypeVar("C", bound=Caller)


@dataclass(frozen=True, slots=True)
class TopicKind(Generic[C]):
    """Topics that begin with `name`; `streams_for(tx, who, topics)` returns the streams of those that `who` may follow.

    It is asked again while they are followed, so it costs one query however many topics there are.
    """

    name: str
    streams_for: Callable[[AsyncSession, C, Collection[str]], Awaitable[Mapping[str, str]]]


class Topics(Generic[C]):
    """All kinds of topics of a hub."""

    def __init__(self, kinds: Iterable[TopicKind[C]]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    async def streams_for(self, database: Database, who: C, topics: Collection[str]) -> dict[str, str]:
        """Return the stream of each topic that `who` may follow; the others are not in it."""
        by_kind: dict[str, list[str]] = {}
        for topic in topics:
            name = topic.partition("/")[0]
            if name in self._kinds:
                by_kind.setdefault(name, []).append(topic)
        streams: dict[str, str] = {}
        if by_kind:
            async with aside(database, who.scope) as tx:
                for name, asked in by_kind.items():
                    streams |= await self._kinds[name].streams_for(tx, who, asked)
        return streams
