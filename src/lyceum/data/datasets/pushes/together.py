"""Pushes that arrive together are kept in one transaction: one commit for all of them, and nobody waits for a batch to fill.

While one transaction is under way, what comes meanwhile makes up the next.
"""

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.pushes import buffer
from lyceum.data.datasets.pushes.queries import columns_of, target_for
from lyceum.data.datasets.pushes.records import Form
from lyceum.data.datasets.pushes.schemas import Pushed
from lyceum.data.datasets.pushes.service import ask_for_version, count_fitting
from lyceum.kernel.config import Settings
from lyceum.kernel.db import Scope
from lyceum.kernel.prepared import Row
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

TOGETHER_MAX = 200


@dataclass(frozen=True, slots=True)
class Push:
    """What one request pushes to a dataset of the pusher's organisation."""

    who: Actor
    org: str
    name: str
    body: bytes
    form: Form
    answer: "asyncio.Future[Pushed]"


class PushesTogether:
    """Keeps the pushes of a process; those of one person in one organisation go together."""

    def __init__(self, resources: Resources, turns: asyncio.Semaphore) -> None:
        self._resources = resources
        self._turns = turns
        self._waiting: dict[Scope, list[Push]] = {}
        self._writing: set[asyncio.Task[None]] = set()

    @staticmethod
    def takes(who: Actor, org: str) -> bool:
        """Say whether this is for a push: one to a dataset of the organisation in which the pusher may change datasets."""
        return org == who.org_name and Power.DATASETS_WRITE in who.powers

    async def push(self, who: Actor, org: str, name: str, *, body: bytes, form: Form) -> Pushed:
        """Keep records for the dataset's next version, and return once they are kept for good.

        Raises `DatasetNotFound`, `RecordsUnreadable`, `TooManyRecords`, `BufferFull`, `StorageQuotaExceeded`.
        """
        push = Push(who, org, name, body, form, asyncio.get_running_loop().create_future())
        waiting = self._waiting.get(who.scope)
        if waiting is not None:
            waiting.append(push)
        else:
            self._waiting[who.scope] = [push]
            # what is logged on the way is about no single request
            task = asyncio.create_task(self._write(who.scope), context=Context())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return await push.answer

    async def _write(self, scope: Scope) -> None:
        while waiting := self._waiting[scope]:
            group, self._waiting[scope] = waiting[:TOGETHER_MAX], waiting[TOGETHER_MAX:]
            try:
                await self._write_group(scope, group)
            except Exception as error:  # noqa: BLE001 each of them is told
                for push in group:
                    _refuse(push, error)
        del self._waiting[scope]

    async def _write_group(self, scope: Scope, group: Sequence[Push]) -> None:
        async with self._turns, transaction(self._resources.database, scope) as tx:
            kept = await _keep(tx, self._resources.settings, group)
        for push, pushed in kept:
            if not push.answer.done():
                push.answer.set_result(pushed)


async def _keep(tx: AsyncSession, settings: Settings, group: Sequence[Push]) -> list[tuple[Push, Pushed]]:
    """Keep those that fit, in the order they came, and refuse the others at once."""
    due_at = buffer.due_at(datetime.now(UTC), every_seconds=settings.push_flush_seconds)
    targets: dict[str, Row | Problem] = {}
    fitting: list[tuple[Push, Row, int]] = []
    for push in group:
        try:
            target = await _target(tx, settings, push, due_at, targets)
            fitting.append(
                (
                    push,
                    target,
                    await count_fitting(push.body, push.form, await columns_of(tx, target.version_id), settings),
                )
            )
        except Problem as refusal:
            _refuse(push, refusal)
    batches = [
        buffer.NewBatch(target.org_id, target.id, push.who.user_id, push.form, records, push.body)
        for push, target, records in fitting
    ]
    numbers = await buffer.add_batches(tx, batches) if batches else []
    return [
        (push, Pushed(dataset=f"{push.org}/{target.name}", batch=number, records=records, due_at=due_at))
        for (push, target, records), number in zip(fitting, numbers, strict=True)
    ]


async def _target(
    tx: AsyncSession, settings: Settings, push: Push, due_at: datetime, targets: dict[str, Row | Problem]
) -> Row:
    """Return where a push goes, which is asked for once in a transaction; raises why it cannot go there."""
    known = targets.get(push.name)
    if known is None:
        try:
            known = await target_for(tx, push.who, push.org, push.name)
            await ask_for_version(tx, settings, known.id, due_at)
        except Problem as refusal:
            known = refusal
        targets[push.name] = known
    if isinstance(known, Problem):
        raise known
    return known


def _refuse(push: Push, error: Exception) -> None:
    if not push.answer.done():
        push.answer.set_exception(error)
