"""Showing a factor: a code of an app, a code for when all is lost, a passkey. Each works once."""

import time
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.events import SecurityChanged
from lyceum.accounts.factors.ceremonies import KnownPasskey, believe_signed, credential_id_of
from lyceum.accounts.factors.codes import plain_recovery_code, step_of
from lyceum.accounts.factors.models import AuthenticatorAppRow, PasskeyRow, RecoveryCodeRow
from lyceum.accounts.factors.schemas import SignedCredential
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import publish
from lyceum.kernel.limits.failures import FailureLimit
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import Sealer, digest_of
from lyceum.kernel.tx import aside

SEALED_FOR = "authenticator apps"
_WINDOW_SECONDS = 60
_OWNER = text("SELECT user_id FROM definer.passkey_owner(:credential)")


def guess_limit(settings: Settings) -> FailureLimit:
    """Return how often codes may be guessed for one account, with however many tickets."""
    return FailureLimit(
        "second-factors",
        settings.sign_in_failures_per_minute,
        _WINDOW_SECONDS,
        settings.sign_in_wait_seconds_max,
        "Too many wrong codes were given for this account; wait as long as `Retry-After` says, or use a passkey.",
    )


async def use_app_code(tx: AsyncSession, sealer: Sealer, user_id: UUID, code: str) -> bool:
    """Say whether a person's app shows this code now, and have it work no more; `tx` works for the person."""
    apps = select(AuthenticatorAppRow).where(
        AuthenticatorAppRow.user_id == user_id, AuthenticatorAppRow.confirmed_at.is_not(None)
    )
    for app in await tx.scalars(apps):
        if await take_code(tx, sealer, app, code):
            return True
    return False


async def take_code(tx: AsyncSession, sealer: Sealer, app: AuthenticatorAppRow, code: str) -> bool:
    """Say whether an app shows this code now, and have it and every one before it work no more."""
    secret = sealer.opened(SEALED_FOR, app.id.hex, app.secret_sealed)
    step = step_of(secret, code, seconds=time.time()) if secret is not None else None
    if step is None:
        return False
    # of two that bring the same code at once, one finds the step taken
    taken = (
        update(AuthenticatorAppRow)
        .where(AuthenticatorAppRow.id == app.id, AuthenticatorAppRow.last_step < step)
        .values(last_step=step, last_used_at=datetime.now(UTC))
        .execution_options(synchronize_session=False)
    )
    return await tx.scalar(taken.returning(AuthenticatorAppRow.id)) is not None


async def use_recovery_code(tx: AsyncSession, user_id: UUID, code: str) -> bool:
    """Say whether this is an unused code of a person, and use it; `tx` works for the person, who is told by letter."""
    used = (
        update(RecoveryCodeRow)
        .where(
            RecoveryCodeRow.digest == recovery_digest(user_id, code),
            RecoveryCodeRow.user_id == user_id,
            RecoveryCodeRow.used_at.is_(None),
        )
        .values(used_at=datetime.now(UTC))
    )
    if await tx.scalar(used.returning(RecoveryCodeRow.digest)) is None:
        return False
    await publish(tx, SecurityChanged(user_id=user_id, what="recovery_code_used"))
    return True


def recovery_digest(user_id: UUID, code: str) -> bytes:
    """Return what is kept of a code."""
    return digest_of(f"{user_id.hex} {plain_recovery_code(code)}")


async def owner_by_passkey(
    resources: Resources, purpose: str, credential: SignedCredential, *, of: UUID | None = None, verifies_person: bool
) -> UUID:
    """Return whose passkey has signed a challenge of this purpose: somebody's, or that person's alone.

    Raises `PasskeyRefused`, for one that is not known in the same words, and `PasskeysImpossible`.
    """
    known = await _known_passkey(resources, credential, of=of)
    count = await believe_signed(resources, purpose, credential, known, verifies_person=verifies_person)
    if known is None:
        raise AssertionError("a passkey that is not known was believed")
    counted = (
        update(PasskeyRow)
        .where(PasskeyRow.id == known.id, or_(PasskeyRow.sign_count <= count, PasskeyRow.sign_count == 0))
        .values(sign_count=count, last_used_at=datetime.now(UTC))
    )
    async with aside(resources.database, Scope(user_id=known.user_id)) as tx:
        await tx.execute(counted)
    return known.user_id


async def _known_passkey(resources: Resources, credential: SignedCredential, *, of: UUID | None) -> KnownPasskey | None:
    credential_id = credential_id_of(credential)
    async with aside(resources.database, NOBODY) as tx:
        user_id = await tx.scalar(_OWNER, {"credential": credential_id})
    if user_id is None or of not in {None, user_id}:
        return None
    async with aside(resources.database, Scope(user_id=user_id), writes=False) as tx:
        row = await tx.scalar(
            select(PasskeyRow).where(PasskeyRow.user_id == user_id, PasskeyRow.credential_id == credential_id)
        )
    return KnownPasskey(row.id, row.user_id, row.public_key, row.sign_count) if row is not None else None
