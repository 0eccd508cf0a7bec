"""How often a password may be tried: for one account, and from one address; right ones are never counted."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.limits.failures import FailureLimit
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

_WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Guesser:
    """For which account a password is tried, whether there is one of that name or not, and from which address."""

    account: str
    address: str


def guesser_of(resources: Resources, *, email: str, network: str) -> Guesser:
    """Return who guesses; what was typed stands nowhere, for it may be a password in the wrong field."""
    return Guesser(resources.signer.mark("accounts that are guessed", email.strip().lower()), network)


async def begin_guess(tx: AsyncSession, resources: Resources, guesser: Guesser) -> None:
    """Count a guess as wrong until it has shown to be right; raises `OverLimit` where none is free."""
    await refuse_barred_address(tx, resources, guesser)
    await resources.failures.count(tx, _of_account(resources.settings), guesser.account)


async def refuse_barred_address(tx: AsyncSession, resources: Resources, guesser: Guesser) -> None:
    """Raise `OverLimit` where so many wrong guesses have come from the address that it has to wait."""
    await resources.failures.refuse_barred(tx, _of_address(resources.settings), guesser.address)


async def note_wrong(resources: Resources, guesser: Guesser) -> None:
    """Count a wrong guess for its address; raises `OverLimit` where it has to wait already."""
    async with aside(resources.database, NOBODY) as tx:
        await resources.failures.count(tx, _of_address(resources.settings), guesser.address)


async def note_right(tx: AsyncSession, resources: Resources, guesser: Guesser) -> None:
    """Forget the guesses for the account: its owner has come."""
    await resources.failures.forget(tx, _of_account(resources.settings), guesser.account)


def _of_account(settings: Settings) -> FailureLimit:
    return FailureLimit(
        "sign-ins-account",
        settings.sign_in_failures_per_minute,
        _WINDOW_SECONDS,
        settings.sign_in_wait_seconds_max,
        "Too many wrong passwords were given for this account; wait as long as `Retry-After` says, or have the password "
        "reset.",
    )


def _of_address(settings: Settings) -> FailureLimit:
    return FailureLimit(
        "sign-ins-address",
        settings.sign_in_attempts_per_minute,
        _WINDOW_SECONDS,
        _WINDOW_SECONDS,
        "Too many wrong passwords have come from this address; wait a minute and try again.",
    )
