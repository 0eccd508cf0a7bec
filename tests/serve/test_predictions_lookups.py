"""Who is asking: keys in use are looked up in time, however many are made up meanwhile."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from fixtures.app import eventually
from lyceum.accounts import known as known_module
from lyceum.accounts.errors import KeysBusy
from lyceum.accounts.public import ANYONE, Actor, find_actor
from lyceum.kernel.cache.shared import SharedCache
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import new_key
from lyceum.kernel.valkey import ValkeyLine
from lyceum.serve.predictions import lookups as lookups_module
from lyceum.serve.predictions.lookups import Lookups
from make.accounts import Member


class AskedDatabase:
    """Answers who a key belongs to; made-up keys wait until `go_on`."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.held: set[str] = set()
        self.go_on = asyncio.Event()
        self.known = ""

    async def find_actor(self, tx: AsyncSession, secret: str) -> Actor:
        self.asked[secret] += 1
        if secret != self.known and not self.go_on.is_set():
            self.held.add(secret)
            await self.go_on.wait()
        return await find_actor(tx, secret)


@pytest.fixture
def asked(member: Member, monkeypatch: pytest.MonkeyPatch) -> AskedDatabase:
    """The database as the lookups see it; it has the member's key."""
    database = AskedDatabase()
    database.known = member.key
    monkeypatch.setattr(lookups_module, "find_actor", database.find_actor)
    return database


def unshared() -> SharedCache:
    """A cache without Valkey: every question is the process's own."""
    return SharedCache(ValkeyLine(None), secret_key=b"")


def bearer(secret: str) -> bytes:
    return f"Bearer {secret}".encode()


def made_up() -> bytes:
    return bearer(new_key().secret)


@pytest.mark.parametrize(
    "secret", ["", "x", "lyk_short_key", f"lyk_{'a' * 8}_{'b' * 31}ä", f"key_{'a' * 8}_{'b' * 32}"]
)
async def test_what_cannot_be_a_key_is_nobodys_without_asking(
    resources: Resources, asked: AskedDatabase, secret: str
) -> None:
    lookups = Lookups(resources, cache=unshared())
    assert await lookups.actor(b"Bearer " + secret.encode("latin-1")) is ANYONE
    assert not asked.asked


async def test_a_key_in_use_is_looked_up_while_made_up_keys_wait_one_behind_the_other(
    resources: Resources, member: Member, asked: AskedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_module, "KNOWN_SECONDS", 0.0)
    lookups = Lookups(resources, cache=unshared())
    assert (await lookups.actor(bearer(member.key))).key_id == member.key_id
    strangers = [asyncio.create_task(lookups.actor(made_up())) for _ in range(50)]
    await eventually(lambda: asked.held)
    for _ in range(5):
        assert (await lookups.actor(bearer(member.key))).key_id == member.key_id
    assert asked.asked[member.key] == 6
    assert len(asked.held) == 1
    asked.go_on.set()
    assert set(await asyncio.gather(*strangers)) == {ANYONE}


async def test_made_up_keys_take_no_place_of_a_key_in_use(
    resources: Resources, member: Member, asked: AskedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_module, "KNOWN_SECONDS", 600.0)
    monkeypatch.setattr(known_module, "KNOWN_KEYS_MAX", 1)
    monkeypatch.setattr(known_module, "NEW_KEYS_REMEMBERED_MAX", 2)
    asked.go_on.set()
    lookups = Lookups(resources, cache=unshared())
    await lookups.actor(bearer(member.key))
    for _ in range(5):
        assert await lookups.actor(made_up()) is ANYONE
    assert (await lookups.actor(bearer(member.key))).key_id == member.key_id
    assert asked.asked[member.key] == 1


async def test_a_made_up_key_is_asked_for_once_in_its_second(resources: Resources, asked: AskedDatabase) -> None:
    asked.go_on.set()
    lookups = Lookups(resources, cache=unshared())
    key = made_up()
    assert set(await asyncio.gather(*(lookups.actor(key) for _ in range(20)))) == {ANYONE}
    assert asked.asked.total() == 1


async def test_when_too_many_new_keys_wait_the_next_is_told_to_come_again(
    resources: Resources, member: Member, asked: AskedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_module, "NEW_KEYS_WAITING_MAX", 3)
    lookups = Lookups(resources, cache=unshared())
    waiting = [asyncio.create_task(lookups.actor(made_up())) for _ in range(3)]
    await eventually(lambda: asked.held)
    with pytest.raises(KeysBusy, match="try again"):
        await lookups.actor(made_up())
    asked.go_on.set()
    await asyncio.gather(*waiting)
    assert (await lookups.actor(bearer(member.key))).key_id == member.key_id


async def test_a_new_key_that_waited_in_vain_is_told_to_come_again(
    resources: Resources, asked: AskedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups = Lookups(resources, cache=unshared())
    first = asyncio.create_task(lookups.actor(made_up()))
    await eventually(lambda: asked.held)
    monkeypatch.setattr(known_module, "LOOKUP_SECONDS_MAX", 0.01)
    with pytest.raises(KeysBusy, match="try again"):
        await lookups.actor(made_up())
    asked.go_on.set()
    assert await first is ANYONE
