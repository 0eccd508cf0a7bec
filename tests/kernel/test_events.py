"""Events: told to every subscriber once their cause is committed, and never when it is not."""

from typing import ClassVar
from uuid import UUID

import pytest

from fixtures.app import eventually, rows_of, running_worker, settings_for
from fixtures.own_database import member
from fixtures.servers import TestDatabase
from lyceum.kernel.events import Event, NotAPublisher, Subscription, Subscriptions, publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.tx import transaction
from make.accounts import Member

__all__ = ["member"]


class Planted(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "garden.planted"
    tree_id: UUID


class Felled(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "garden.felled"


class Garden:
    """Two subscribers, of which one fails the first time."""

    def __init__(self) -> None:
        self.told: list[tuple[str, UUID]] = []
        self.scopes: set[object] = set()
        self.failed = False

    def subscriptions(self) -> Subscriptions:
        return Subscriptions.of([Subscription(Planted, "map", self.draw), Subscription(Planted, "mail", self.write)])

    async def draw(self, run: JobRun, event: Planted) -> None:
        self.scopes.add(run.scope)
        self.told.append(("map", event.tree_id))

    async def write(self, _run: JobRun, event: Planted) -> None:
        if not self.failed:
            self.failed = True
            raise RuntimeError("the post office is closed")
        self.told.append(("mail", event.tree_id))


async def test_each_subscriber_is_told_by_itself_until_it_has_heard(
    fresh_database: TestDatabase, member: Member, tmp_path_factory: pytest.TempPathFactory
) -> None:
    garden, tree = Garden(), new_id()
    subscriptions = garden.subscriptions()
    settings = settings_for(fresh_database, tmp_path_factory.mktemp("home"))
    async with open_resources(settings, subscribers=subscriptions.names()) as resources:
        async with transaction(resources.database, member.scope) as tx:
            await publish(tx, Planted(tree_id=tree))
            await publish(tx, Felled())
            assert rows_of(fresh_database, "SELECT 1 FROM jobs") == []
        assert len(rows_of(fresh_database, "SELECT 1 FROM jobs")) == 2
        async with running_worker(resources, subscriptions.handler()):
            await eventually(lambda: garden.failed and len(garden.told) == 1)
            await eventually(
                lambda: rows_of(fresh_database, "UPDATE jobs SET run_at = now() WHERE state = 'scheduled' RETURNING 1")
            )
            await eventually(lambda: len(garden.told) == 2)
    assert sorted(garden.told) == [("mail", tree), ("map", tree)]
    assert garden.scopes == {member.scope}


async def test_nobody_hears_of_what_was_rolled_back(
    fresh_database: TestDatabase, member: Member, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = settings_for(fresh_database, tmp_path_factory.mktemp("home"))
    async with open_resources(settings, subscribers=Garden().subscriptions().names()) as resources:

        async def plant_and_fail() -> None:
            async with transaction(resources.database, member.scope) as tx:
                await publish(tx, Planted(tree_id=new_id()))
                raise LookupError

        with pytest.raises(LookupError):
            await plant_and_fail()
    assert rows_of(fresh_database, "SELECT 1 FROM jobs") == []


async def test_a_process_that_knows_no_subscribers_cannot_publish(
    fresh_database: TestDatabase, member: Member, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = settings_for(fresh_database, tmp_path_factory.mktemp("home"))
    async with open_resources(settings) as resources, transaction(resources.database, member.scope) as tx:
        with pytest.raises(NotAPublisher, match=r"garden\.felled"):
            await publish(tx, Felled())


async def test_a_subscriber_that_is_no_longer_there_is_not_waited_for(resources: Resources) -> None:
    from lyceum.kernel.events import DeliverEvent

    handler = Subscriptions.of([]).handler()
    await handler.run(None, DeliverEvent(event="gone", subscriber="gone", payload={}))  # type: ignore[arg-type]  # unused


def test_a_subscriber_has_one_name() -> None:
    garden = Garden()
    with pytest.raises(ValueError, match="twice"):
        Subscriptions.of([Subscription(Planted, "map", garden.draw), Subscription(Planted, "map", garden.write)])
