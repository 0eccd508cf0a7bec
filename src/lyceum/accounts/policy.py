"""Who may do what: the roles of an organisation, the powers of each, and the one question every access asks."""

from dataclasses import dataclass
from datetime import UTC, datetime
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
    INCIDENTS_ACT = "incidents:act"
    KEYS_MANAGE = "keys:manage"
    MEMBERS_MANAGE = "members:manage"
    ORGANISATION_MANAGE = "organisation:manage"
    GRANTS_MANAGE = "grants:manage"
    AUDIT_READ = "audit:read"
    DESTINATIONS_MANAGE = "destinations:manage"
    ALERTS_MANAGE = "alerts:manage"
    HUB_OPERATE = "hub:operate"
    """Of no role: the hub's administrator has it, whatever the organisation."""


class Role(StrEnum):
    """A member's role."""

    OWNER = "owner"
    MAINTAINER = "maintainer"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


_READ = frozenset({Power.DATASETS_READ, Power.RUNS_READ, Power.MODELS_READ, Power.MODELS_PREDICT})
_ACT = frozenset({Power.INCIDENTS_ACT})
_WRITE = frozenset({Power.DATASETS_WRITE, Power.RUNS_WRITE, Power.MODELS_WRITE})
POWERS: dict[Role, frozenset[Power]] = {
    Role.OWNER: frozenset(Power) - {Power.HUB_OPERATE},
    Role.MAINTAINER: _READ | _ACT | _WRITE | {Power.KEYS_MANAGE, Power.GRANTS_MANAGE, Power.ALERTS_MANAGE},
    Role.REVIEWER: _READ | _ACT,
    Role.VIEWER: _READ,
}
OBJECT_POWERS: frozenset[Power] = _READ | _ACT | _WRITE
"""Those that can be had on one object alone, by a grant."""
GRANTED_POWERS: dict[Role, frozenset[Power]] = {
    role: POWERS[role] & OBJECT_POWERS for role in (Role.MAINTAINER, Role.REVIEWER, Role.VIEWER)
}
"""What a grant of an object gives on that object; nobody is granted to own it."""
WEIGHTY_POWERS: frozenset[Power] = frozenset(
    {
        Power.KEYS_MANAGE,
        Power.MEMBERS_MANAGE,
        Power.ORGANISATION_MANAGE,
        Power.GRANTS_MANAGE,
        Power.DESTINATIONS_MANAGE,
        Power.HUB_OPERATE,
    }
)
"""Those that no key gives on by itself, and nobody whose session was merely left open."""
ALL_SCOPES: tuple[str, ...] = tuple(Power)
WORK_SCOPES: tuple[str, ...] = tuple(power for power in Power if power in OBJECT_POWERS)
"""What a key is made for when nothing is said: work with data, runs and models."""


_SIGN_IN = "Send an API key as `Authorization: Bearer lyk_…`; `lyceum admin key` prints one."


class NotAllowed(Forbidden):
    """The role or the key lacks the power."""

    code = "not_allowed"


class SignInNeeded(Unauthenticated):
    """Nobody the hub knows is asking."""

    code = "sign_in_needed"

    def __init__(self, detail: str = _SIGN_IN) -> None:
        super().__init__(detail)


class SignInWithSession(Forbidden):
    """A key came where a person has to be signed in themselves."""

    code = "session_needed"


class StepUpNeeded(Forbidden):
    """It is too long ago that whoever is signed in has shown that it is them; `methods` says how they can."""

    code = "step_up_needed"

    def __init__(self, methods: tuple[str, ...]) -> None:
        how = "confirm that it is you" if methods else "sign out and in again"
        super().__init__(f"This is too weighty for a session left open: {how}, and try again.", methods=list(methods))


class SecondFactorNeeded(Forbidden):
    """The hub wants a second factor of whoever is signed in, and they have none."""

    code = "second_factor_needed"


class OrganisationNeeded(Forbidden):
    """Whoever asks is in no organisation."""

    code = "organisation_needed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a person acting in one organisation, with the powers role and key leave them.

    Nobody in particular has no ids and no powers. A person who is in no organisation has an id and no organisation. A key
    may run out at `expires_at`.
    """

    org_id: UUID | None
    org_name: str
    user_id: UUID | None
    key_id: UUID | None
    powers: frozenset[str]
    expires_at: datetime | None = None
    scopes: frozenset[str] | None = None
    """What a key leaves of any power, also of one that was granted; None leaves all."""
    rate_per_minute: int | None = None
    """Requests the key may send, None for what any key may."""
    session_id: UUID | None = None
    impersonator_id: UUID | None = None
    stepped_up_until: datetime | None = None
    proofs: tuple[str, ...] = ()
    """By what whoever is signed in can show again that it is them: `password`, `totp`, `passkey`."""
    must_enrol: bool = False
    """The hub wants a second factor of them, and until they have one they may only set one up."""

    @property
    def scope(self) -> Scope:
        """For whom the database works."""
        return Scope(org_id=self.org_id, user_id=self.user_id) if self.user_id else NOBODY


ANYONE = Actor(org_id=None, org_name="", user_id=None, key_id=None, powers=frozenset())


def require(who: Actor, power: Power) -> UUID:
    """Return the id of the organisation acted in.

    Raises `SignInNeeded`, `OrganisationNeeded`, and `NotAllowed` without the power.
    """
    if who.user_id is None:
        raise SignInNeeded
    if who.org_id is None:
        raise OrganisationNeeded("You are in no organisation yet; make one, or accept an invitation to one.")
    if power not in who.powers:
        raise NotAllowed(f"This needs the power {power}, which neither your role nor this key's scopes give in full.")
    return who.org_id


def require_operator(who: Actor) -> UUID:
    """Return the id of whoever runs the hub, in whatever organisation or in none; raises `SignInNeeded` and `NotAllowed`."""
    if who.user_id is None:
        raise SignInNeeded
    if Power.HUB_OPERATE not in who.powers:
        raise NotAllowed("This is for whoever runs the hub; ask its administrator.")
    return who.user_id


def is_fresh(who: Actor) -> bool:
    """Say whether whoever is signed in has shown in the last minutes that it is them."""
    return who.stepped_up_until is not None and who.stepped_up_until > datetime.now(UTC)


def refuse_stale(who: Actor) -> None:
    """Raise `StepUpNeeded` unless whoever is signed in has shown in the last minutes that it is them.

    Raises `SignInWithSession` for a key, and `NotAllowed` for whoever acts as somebody else: neither can show that.
    """
    if who.key_id is not None:
        raise SignInWithSession("An API key cannot do this: sign in as yourself.")
    if who.impersonator_id is not None:
        raise NotAllowed("You act as somebody else; only they themselves can do this.")
    if not is_fresh(who):
        raise StepUpNeeded(step_up_methods(who))


def step_up_methods(who: Actor) -> tuple[str, ...]:
    """Return by what they can step up: a second factor where they have one, else their password."""
    second = tuple(proof for proof in who.proofs if proof != "password")
    return second or who.proofs


def require_person(who: Actor) -> UUID:
    """Return the id of whoever asks, in an organisation or in none; raises `SignInNeeded`."""
    if who.user_id is None:
        raise SignInNeeded
    return who.user_id


def require_to_see(who: Actor, power: Power) -> None:
    """Let pass whoever may do `power` with what they see, wherever it belongs: every role, and every grant, gives to read.

    What they see is for row-level security to say. Raises `SignInNeeded`, and `NotAllowed` where a key's scopes leave it out.
    """
    if who.user_id is None:
        raise SignInNeeded
    if power not in who.powers and who.scopes is not None and power not in who.scopes:
        raise NotAllowed(f"This needs the power {power}, which this key's scopes do not give.")


def powers_of(role: str, scopes: list[str], *, operates_hub: bool) -> frozenset[str]:
    """Return what is left under a key's scopes of a role's powers, and of those of the hub's administrator."""
    powers = POWERS[Role(role)] | ({Power.HUB_OPERATE} if operates_hub else set())
    return frozenset(powers) & frozenset(scopes)


def in_order(powers: frozenset[Power]) -> list[Power]:
    """Return powers as they are listed to people."""
    return [power for power in Power if power in powers]


def powers_in_session(role: str | None, *, operates_hub: bool) -> frozenset[str]:
    """Return a role's powers, none for somebody in no organisation, and those of the hub's administrator."""
    powers = POWERS[Role(role)] if role is not None else frozenset[Power]()
    return frozenset(powers | ({Power.HUB_OPERATE} if operates_hub else set()))
