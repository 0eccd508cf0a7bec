"""Who needs a second factor on this hub, and what is left to them until they have one."""

from dataclasses import replace

from lyceum.accounts.policy import Actor, Power
from lyceum.kernel.config import Settings

SECOND_FACTORS = frozenset({"totp", "passkey"})


def has_factors_wanted(who: Actor, settings: Settings) -> bool:
    """Say whether somebody signed in has the second factor that the hub wants of them, or needs none."""
    return not is_wanted_of(who, settings) or not SECOND_FACTORS.isdisjoint(who.proofs)


def is_wanted_of(who: Actor, settings: Settings) -> bool:
    """Say whether the hub wants a second factor of somebody signed in."""
    wanted_of = settings.second_factor_required_of
    if wanted_of == "nobody" or who.session_id is None:
        return False
    return wanted_of == "everybody" or who.must_enrol or Power.HUB_OPERATE in who.powers


def enrolling(who: Actor) -> Actor:
    """Return the same person in no organisation and without any power, who may only set up a second factor."""
    return replace(who, org_id=None, org_name="", powers=frozenset(), must_enrol=True)
