"""Writes of second factors: setting them up, naming and removing them. `tx` works for the person whose they are."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.enrolling import is_wanted_of
from lyceum.accounts.errors import (
    CodeWrong,
    FactorNotFound,
    NoSecondFactor,
    PasskeyPresent,
    SecondFactorRequired,
    TooManyFactors,
)
from lyceum.accounts.events import SecurityChanged
from lyceum.accounts.factors.ceremonies import MadePasskey
from lyceum.accounts.factors.codes import base32_of, new_recovery_codes, new_secret, otpauth_uri, qr_svg
from lyceum.accounts.factors.models import AuthenticatorAppRow, PasskeyRow, RecoveryCodeRow
from lyceum.accounts.factors.queries import (
    APPS_MAX,
    PASSKEYS_MAX,
    as_factor,
    list_factors,
    list_passkeys,
    recovery_codes_left,
    second_factors_of,
)
from lyceum.accounts.factors.resetting import remove_factors_of
from lyceum.accounts.factors.schemas import AuthenticatorAppMade, Factor, FactorReady, RecoveryCodes
from lyceum.accounts.factors.showing import SEALED_FOR, recovery_digest, take_code
from lyceum.accounts.models import UserRow
from lyceum.accounts.policy import Actor, require_person
from lyceum.accounts.sessions.public import forget_person_after_commit
from lyceum.kernel.config import Settings
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.security import Sealer


async def begin_app(tx: AsyncSession, who: Actor, sealer: Sealer, *, name: str, issuer: str) -> AuthenticatorAppMade:
    """Return the secret for an app; another that was begun and never confirmed is forgotten. Raises `TooManyFactors`."""
    user_id = require_person(who)
    await _lock(tx, user_id)
    mine = AuthenticatorAppRow.user_id == user_id
    await tx.execute(delete(AuthenticatorAppRow).where(mine, AuthenticatorAppRow.confirmed_at.is_(None)))
    if int(await tx.scalar(select(func.count(AuthenticatorAppRow.id)).where(mine)) or 0) >= APPS_MAX:
        raise TooManyFactors(f"You have {APPS_MAX} authenticator apps; remove one to add another.")
    secret, app_id = new_secret(), new_id()
    sealed = sealer.seal(SEALED_FOR, app_id.hex, secret)
    tx.add(AuthenticatorAppRow(id=app_id, user_id=user_id, name=name, secret_sealed=sealed))
    await tx.flush()
    uri = otpauth_uri(secret, issuer=issuer, account=await account_of(tx, user_id))
    return AuthenticatorAppMade(id=app_id, secret=base32_of(secret), uri=uri, qr_svg=qr_svg(uri))


async def confirm_app(tx: AsyncSession, who: Actor, sealer: Sealer, app_id: UUID, *, code: str) -> FactorReady:
    """Have an app count that shows the right code; raises `FactorNotFound` and `CodeWrong`."""
    user_id = require_person(who)
    await _lock(tx, user_id)
    begun = AuthenticatorAppRow.id == app_id, AuthenticatorAppRow.user_id == user_id
    app = await tx.scalar(select(AuthenticatorAppRow).where(*begun, AuthenticatorAppRow.confirmed_at.is_(None)))
    if app is None:
        raise FactorNotFound(f"You have begun no authenticator app {app_id}; begin again.")
    if not await take_code(tx, sealer, app, code):
        raise CodeWrong("This is not the code the app shows now; check the clock of your device and give the next one.")
    await tx.execute(update(AuthenticatorAppRow).where(*begun).values(confirmed_at=datetime.now(UTC)))
    await tx.refresh(app)
    return await _ready(tx, user_id, as_factor(app), what="authenticator_app_added")


async def add_passkey(
    tx: AsyncSession, who: Actor, made: MadePasskey, *, name: str, transports: list[str]
) -> FactorReady:
    """Keep a passkey that was found to be made for this hub; raises `TooManyFactors` and `PasskeyPresent`."""
    user_id = require_person(who)
    await _lock(tx, user_id)
    if len(await list_passkeys(tx, user_id)) >= PASSKEYS_MAX:
        raise TooManyFactors(f"You have {PASSKEYS_MAX} passkeys; remove one to add another.")
    row = {
        "id": new_id(),
        "user_id": user_id,
        "name": name,
        "credential_id": made.credential_id,
        "public_key": made.public_key,
        "sign_count": made.sign_count,
        "transports": transports,
    }
    added = insert(PasskeyRow).values(row).on_conflict_do_nothing(index_elements=[PasskeyRow.credential_id])
    passkey = await tx.scalar(added.returning(PasskeyRow))
    if passkey is None:
        raise PasskeyPresent("This passkey is on the hub already.")
    return await _ready(tx, user_id, as_factor(passkey), what="passkey_added")


async def rename(tx: AsyncSession, who: Actor, factor_id: UUID, *, name: str) -> Factor:
    """Give a factor another name; raises `FactorNotFound`."""
    user_id = require_person(who)
    for table in (AuthenticatorAppRow, PasskeyRow):
        mine = update(table).where(table.id == factor_id, table.user_id == user_id)
        await tx.execute(mine.values(name=name))
    return await _factor_for(tx, user_id, factor_id)


async def remove(tx: AsyncSession, who: Actor, factor_id: UUID, *, settings: Settings) -> None:
    """Remove a factor; with the last one its recovery codes go. Raises `FactorNotFound` and `SecondFactorRequired`."""
    user_id = require_person(who)
    await _lock(tx, user_id)
    factor = await _factor_for(tx, user_id, factor_id)
    is_last = len(await list_factors(tx, user_id)) == 1
    if is_last and is_wanted_of(who, settings):
        raise SecondFactorRequired("This hub wants a second factor of you, and this is your last: add another first.")
    table = PasskeyRow if factor.kind == "passkey" else AuthenticatorAppRow
    await tx.execute(delete(table).where(table.id == factor_id, table.user_id == user_id))
    if is_last:
        await tx.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
    await _changed(tx, user_id, what=f"{'passkey' if factor.kind == 'passkey' else 'authenticator_app'}_removed")


async def renew_recovery_codes(tx: AsyncSession, who: Actor) -> RecoveryCodes:
    """Return fresh recovery codes; those before count no more. Raises `NoSecondFactor`."""
    user_id = require_person(who)
    await _lock(tx, user_id)
    if not await second_factors_of(tx, user_id):
        raise NoSecondFactor("Recovery codes stand in for a second factor; set one up first.")
    codes = await _new_codes(tx, user_id)
    await _changed(tx, user_id, what="recovery_codes_renewed")
    return RecoveryCodes(codes=codes)


async def reset(tx: AsyncSession, user_id: UUID) -> None:
    """Remove every factor of somebody who has lost theirs; raises `PersonNotFound`. The route asks for who runs the hub."""
    await remove_factors_of(tx, user_id)
    forget_person_after_commit(tx, user_id)


async def account_of(tx: AsyncSession, user_id: UUID) -> str:
    """Return what an app or an authenticator shows of an account beside the hub's name."""
    row = (await tx.execute(select(UserRow.email, UserRow.display_name).where(UserRow.id == user_id))).one()
    return str(row.email or row.display_name)


async def _ready(tx: AsyncSession, user_id: UUID, factor: Factor, *, what: str) -> FactorReady:
    codes = None if await recovery_codes_left(tx, user_id) else await _new_codes(tx, user_id)
    await _changed(tx, user_id, what=what)
    return FactorReady(factor=factor, recovery_codes=codes)


async def _new_codes(tx: AsyncSession, user_id: UUID) -> list[str]:
    await tx.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
    codes = new_recovery_codes()
    tx.add_all(RecoveryCodeRow(digest=recovery_digest(user_id, code), user_id=user_id) for code in codes)
    await tx.flush()
    return codes


async def _factor_for(tx: AsyncSession, user_id: UUID, factor_id: UUID) -> Factor:
    found = next((one for one in await list_factors(tx, user_id) if one.id == factor_id), None)
    if found is None:
        raise FactorNotFound(f"You have no second factor {factor_id}.")
    return found


async def _changed(tx: AsyncSession, user_id: UUID, *, what: str) -> None:
    forget_person_after_commit(tx, user_id)
    await publish(tx, SecurityChanged(user_id=user_id, what=what))


async def _lock(tx: AsyncSession, user_id: UUID) -> None:
    # factors that come and go at once would miscount each other
    await tx.execute(select(UserRow.id).where(UserRow.id == user_id).with_for_update(key_share=True))
