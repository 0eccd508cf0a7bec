"""Reads of second factors; `tx` works for the person whose they are."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.factors.models import AuthenticatorAppRow, PasskeyRow, RecoveryCodeRow
from lyceum.accounts.factors.schemas import Factor

APPS_MAX = 3
PASSKEYS_MAX = 20


async def second_factors_of(tx: AsyncSession, user_id: UUID) -> tuple[str, ...]:
    """Return by what a person may show a second factor, none where they have set up none."""
    apps = func.count(AuthenticatorAppRow.id)
    has_app = await tx.scalar(
        select(apps).where(AuthenticatorAppRow.user_id == user_id, AuthenticatorAppRow.confirmed_at.is_not(None))
    )
    has_passkey = await tx.scalar(select(func.count(PasskeyRow.id)).where(PasskeyRow.user_id == user_id))
    if not has_app and not has_passkey:
        return ()
    ways = {"totp": has_app, "passkey": has_passkey, "recovery": await recovery_codes_left(tx, user_id)}
    return tuple(way for way, count in ways.items() if count)


async def list_factors(tx: AsyncSession, user_id: UUID) -> list[Factor]:
    """Return a person's factors, those first that came first; there are a few at most."""
    apps = select(AuthenticatorAppRow).where(
        AuthenticatorAppRow.user_id == user_id, AuthenticatorAppRow.confirmed_at.is_not(None)
    )
    listed = [as_factor(row) for row in await tx.scalars(apps.limit(APPS_MAX))]
    listed += [as_factor(row) for row in await list_passkeys(tx, user_id)]
    return sorted(listed, key=lambda factor: (factor.created_at, factor.id))


async def list_passkeys(tx: AsyncSession, user_id: UUID) -> list[PasskeyRow]:
    """Return a person's passkeys; there are a few at most."""
    mine = select(PasskeyRow).where(PasskeyRow.user_id == user_id).order_by(PasskeyRow.id).limit(PASSKEYS_MAX)
    return list(await tx.scalars(mine))


async def recovery_codes_left(tx: AsyncSession, user_id: UUID) -> int:
    """Return how many of a person's recovery codes have not been used."""
    unused = select(func.count(RecoveryCodeRow.digest)).where(
        RecoveryCodeRow.user_id == user_id, RecoveryCodeRow.used_at.is_(None)
    )
    return int(await tx.scalar(unused) or 0)


def as_factor(row: AuthenticatorAppRow | PasskeyRow) -> Factor:
    """Return a factor as its owner sees it."""
    return Factor(
        id=row.id,
        kind="passkey" if isinstance(row, PasskeyRow) else "totp",
        name=row.name,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
