"""What whoever runs the hub does with its people: suspend, let back in, share the running of it, act as one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.admin.errors import LastAdministrator, NotThisPerson, PersonNotFound, ScheduleNotFound
from lyceum.accounts.admin.models import ImpersonationRow
from lyceum.accounts.admin.queries import person_for
from lyceum.accounts.admin.schemas import Impersonation, Person
from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.known import forget_after_commit
from lyceum.accounts.policy import Actor, require_operator, require_person
from lyceum.accounts.sessions.public import forget_person_after_commit
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.jobs.schedules import Schedule

IMPERSONATION_MINUTES = 30

_SUSPEND = text("SELECT definer.admin_suspend(:person, :suspend)")
_SET_ADMINISTRATOR = text("SELECT definer.admin_set_administrator(:person, :is_one)")
_COUNT = text("SELECT definer.admin_count()")


async def suspend(tx: AsyncSession, who: Actor, user_id: UUID) -> Person:
    """Keep a person out: whatever they were let in by opens nothing within a second.

    Raises `PersonNotFound`, `NotThisPerson` for oneself, `LastAdministrator`.
    """
    if user_id == require_person(who):
        raise NotThisPerson("You cannot suspend yourself; another administrator can.")
    return await _change(tx, who, user_id, await _noted(tx, who, user_id, _SUSPEND, suspend=True))


async def restore(tx: AsyncSession, who: Actor, user_id: UUID) -> Person:
    """Let a suspended person back in, with the keys they had; raises `PersonNotFound`."""
    return await _change(tx, who, user_id, await _noted(tx, who, user_id, _SUSPEND, suspend=False))


async def set_administrator(tx: AsyncSession, who: Actor, user_id: UUID, *, is_one: bool) -> Person:
    """Have a person run the hub, or no longer; raises `PersonNotFound`, `LastAdministrator`."""
    return await _change(tx, who, user_id, await _noted(tx, who, user_id, _SET_ADMINISTRATOR, is_one=is_one))


async def begin_impersonation(tx: AsyncSession, who: Actor, user_id: UUID, *, reason: str) -> Impersonation:
    """Let an administrator act as a person for half an hour; what they had begun before ends.

    Raises `PersonNotFound`, and `NotThisPerson` for oneself, another administrator and a suspended person.
    """
    administrator_id = require_person(who)
    person = await person_for(tx, who, user_id)
    if user_id == administrator_id or person.administrator or person.suspended_at is not None:
        raise NotThisPerson(f"Nobody can act as {person.display_name}: they run the hub, or are suspended.")
    await end_impersonations(tx, who)
    now = datetime.now(UTC)
    row = ImpersonationRow(
        id=new_id(),
        administrator_id=administrator_id,
        user_id=user_id,
        reason=reason,
        began_at=now,
        ends_at=now + timedelta(minutes=IMPERSONATION_MINUTES),
    )
    tx.add(row)
    await tx.flush()
    note_audit("user", user_id)
    return Impersonation(
        id=row.id, user_id=user_id, display_name=person.display_name, began_at=row.began_at, ends_at=row.ends_at
    )


async def end_impersonations(tx: AsyncSession, who: Actor) -> None:
    """End what an administrator has begun."""
    open_ones = update(ImpersonationRow).where(
        ImpersonationRow.administrator_id == require_person(who), ImpersonationRow.ended_at.is_(None)
    )
    await tx.execute(open_ones.values(ended_at=datetime.now(UTC)))


async def run_now(tx: AsyncSession, who: Actor, schedules: Iterable[Schedule], kind: str) -> UUID:
    """Put what comes round for the hub itself on the queue at once; return the job, or the one that was there already.

    Raises `ScheduleNotFound`.
    """
    require_operator(who)
    args = next((args for args in (schedule.make() for schedule in schedules) if args.kind == kind), None)
    if args is None:
        raise ScheduleNotFound(f"Nothing called {kind[:100]!r} comes round for the hub itself.")
    note_audit("schedule", kind)
    # the rounds' own key: beside one that waits or runs there is no second
    return await enqueue(tx, args, dedup_key=f"schedule:{kind}", of_hub=True)


async def _noted(tx: AsyncSession, who: Actor, user_id: UUID, statement: object, **values: bool) -> list[bytes] | None:
    require_operator(who)
    note_audit("user", user_id, before=await person_for(tx, who, user_id))
    found: list[bytes] | None = await tx.scalar(statement, {"person": user_id, **values})  # type: ignore[call-overload]
    return found


async def _change(tx: AsyncSession, who: Actor, user_id: UUID, digests: list[bytes] | None) -> Person:
    if digests is None:
        raise PersonNotFound(f"There is no person {user_id} on this hub.")
    if not await tx.scalar(_COUNT):
        raise LastAdministrator("They are the last who can run the hub; make somebody else an administrator first.")
    for digest in digests:
        forget_after_commit(tx, bytes(digest))
    forget_person_after_commit(tx, user_id)
    return await person_for(tx, who, user_id)
