"""Who may do what: the roles of an organisation, the powers of each, and the one question every access asks."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.problems import Forbidden, Unauthenticated


class Power(StrEnum):
    """What can be done in an organisation; an API key's scopes are powers too."""

    DATASETS_READ = "datasets:read"
    DATASETS_WRITE = "datasets:write"
    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    MODELS_READ = "models:read"
    MODELS_WRITE = "models:write"
    MODELS_PREDICT = "models:predict"
    KEYS_MANAGE = "keys:manage"
    AUDIT_READ = "audit:read"
    HUB_OPERATE = "hub:operate"
    """Of no role: the hub's administrator has it, whatever the organisation."""


class Role(StrEnum):
    """A member's role."""

    OWNER = "owner"
    MAINTAINER = "maintainer"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


_READ = frozenset({Power.DATASETS_READ, Power.RUNS_READ, Power.MODELS_READ, Power.MODELS_PREDICT})
_WRITE = frozenset({Power.DATASETS_WRITE, Power.RUNS_WRITE, Power.MODELS_WRITE})
POWERS: dict[Role, frozenset[Power]] = {
    Role.OWNER: frozenset(Power) - {Power.HUB_OPERATE},
    Role.MAINTAINER: _READ | _WRITE | {Power.KEYS_MANAGE},
    Role.REVIEWER: _READ,
    Role.VIEWER: _READ,
}
ALL_SCOPES: tuple[str, ...] = tuple(Power)
ORGANISATION_SCOPES: tuple[str, ...] = tuple(power for power in Power if power is not Power.HUB_OPERATE)


class NotAllowed(Forbidden):
    """The role or the key lacks the power."""

    code = "not_allowed"


_SIGN_IN = "Send an API key as `Authorization: Bearer lyk_…`; `lyceum admin key` prints one."


class SignInNeeded(Unauthenticated):
    """Nobody the hub knows is asking."""

    code = "sign_in_needed"

    def __init__(self, detail: str = _SIGN_IN) -> None:
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a person acting in one organisation, with the powers role and key leave them.

    Nobody in particular has no ids and no powers. A key may run out at `expires_at`.
    """

    org_id: UUID | None
    org_name: str
    user_id: UUID | None
    key_id: UUID | None
    powers: frozenset[str]
    expires_at: datetime | None = None
    session_id: UUID | None = None
    impersonator_id: UUID | None = None
    stepped_up_until: datetime | None = None

    @property
    def scope(self) -> Scope:
        """For whom the database works."""
        return Scope(org_id=self.org_id, user_id=self.user_id) if self.user_id else NOBODY


ANYONE = Actor(org_id=None, org_name="", user_id=None, key_id=None, powers=frozenset())


def require(who: Actor, power: Power) -> UUID:
    """Return the id of the organisation acted in; raises `SignInNeeded` or `NotAllowed` without the power."""
    if who.org_id is None:
        raise SignInNeeded
    if power not in who.powers:
        raise NotAllowed(f"This needs the power {power}, which neither your role nor this key's scopes give in full.")
    return who.org_id


def require_person(who: Actor) -> UUID:
    """Return the id of whoever asks, in an organisation or in none; raises `SignInNeeded`."""
    if who.user_id is None:
        raise SignInNeeded
    return who.user_id


def powers_of(role: str, scopes: list[str], *, operates_hub: bool) -> frozenset[str]:
    """Return what is left under a key's scopes of a role's powers, and of those of the hub's administrator."""
    powers = POWERS[Role(role)] | ({Power.HUB_OPERATE} if operates_hub else set())
    return frozenset(powers) & frozenset(scopes)
