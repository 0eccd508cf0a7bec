"""Telling whoever cares, upwards or sideways: an event becomes one job a subscriber, in the publisher's transaction.

Delivered at least once and in no order: a handler reads the state again by the ids an event carries.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has happened: ids and a schema version, never secrets."""

    name: ClassVar[str]
    schema_version: int = 1


class DeliverEvent(JobArgs, frozen=True, kw_only=True):
    """Bring one event to one subscriber."""

    kind = "events.deliver"
    seconds_max = 600
    event: str
    subscriber: str
    payload: dict[str, Any]


class NotAPublisher(RuntimeError):
    """A process published an event without having been told who subscribes."""


async def publish(tx: AsyncSession, event: Event) -> None:
    """Have every subscriber told once `tx` commits; nobody is told when it rolls back.

    Raises `NotAPublisher` where the database was opened without subscribers.
    """
    subscribers: Mapping[str, tuple[str, ...]] | None = tx.info["subscribers"]
    if subscribers is None:
        raise NotAPublisher(
            f"This process does not know who hears of {event.name}; open its resources with subscribers."
        )
    payload = msgspec.to_builtins(event)
    for subscriber in subscribers.get(event.name, ()):
        await enqueue(tx, DeliverEvent(event=event.name, subscriber=subscriber, payload=payload))


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who wants which event; `subscriber` is a name that stays, since it stands in queued jobs."""

    event_type: type[Event]
    subscriber: str
    handle: Callable[[JobRun, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """All subscriptions of the hub, as `wiring` lists them."""

    by_event: dict[str, dict[str, Subscription]] = field(default_factory=dict)

    @classmethod
    def of(cls, subscriptions: Iterable[Subscription]) -> "Subscriptions":
        """Return them by event and subscriber; a name used twice for one event is a mistake."""
        by_event: dict[str, dict[str, Subscription]] = {}
        for subscription in subscriptions:
            named = by_event.setdefault(subscription.event_type.name, {})
            if subscription.subscriber in named:
                raise ValueError(f"{subscription.subscriber} subscribes to {subscription.event_type.name} twice.")
            named[subscription.subscriber] = subscription
        return cls(by_event)

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return who is told of which event, for the processes that publish."""
        return {event: tuple(named) for event, named in self.by_event.items()}

    def handler(self) -> LightHandler:
        """Return the job handler that delivers."""

        async def deliver(run: JobRun, args: DeliverEvent) -> None:
            subscription = self.by_event.get(args.event, {}).get(args.subscriber)
            if subscription is None:
                return
            await subscription.handle(run, msgspec.convert(args.payload, subscription.event_type))

        return LightHandler(args_type=DeliverEvent, run=deliver)
