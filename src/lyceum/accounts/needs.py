"""What a route needs of whoever asks: declared under its decorator, asked before anything of it runs.

A route without such a line fails the suite. What a route needs here is the least of it; the service asks again, of the object.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, TypeVar

from lyceum.accounts.policy import (
    Actor,
    NotAllowed,
    Power,
    SecondFactorNeeded,
    SignInNeeded,
    SignInWithSession,
    refuse_stale,
    require,
)


class Marker(StrEnum):
    """What a route needs that is no power in an organisation."""

    OPEN = "open"
    KNOWN = "known"
    SIGNED_IN = "signed-in"
    ADMINISTRATOR = "administrator"
    ENROLLING = "enrolling"


OPEN = Marker.OPEN
"""Anyone may ask, also nobody in particular."""
KNOWN = Marker.KNOWN
"""Whoever the hub knows, by a session or a key; whether they are in an organisation does not matter."""
SIGNED_IN = Marker.SIGNED_IN
"""A person with a session. A key is refused: what is a person's own is not done by a program."""
ADMINISTRATOR = Marker.ADMINISTRATOR
"""Whoever runs the hub."""
ENROLLING = Marker.ENROLLING
"""Beside another: also somebody who needs a second factor and has none yet, who is refused everything else."""

Need = Power | Marker
Check = Callable[[Actor], None]

F = TypeVar("F", bound=Callable[..., object])

_NEEDS, _OF_OBJECT, _FRESH = "__needs__", "__needs_of_object__", "__needs_fresh__"
_IN_WORDS = {
    OPEN: "Anyone may ask.",
    KNOWN: "Needs a key or a session.",
    SIGNED_IN: "Needs a session; an API key is refused.",
    ADMINISTRATOR: "For whoever runs the hub.",
    ENROLLING: "Also for somebody who has yet to set up the second factor they need.",
}
_FRESH_IN_WORDS = "Only within minutes of signing in or of a step-up; an API key is refused."
SECURITY_SCHEMES: dict[str, Any] = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key (`lyk_…`), or a session's access token."}
}


def needs(*need: Need, fresh: bool = False) -> Callable[[F], F]:
    """Have a route refuse whoever lacks one of these powers in the organisation they act in.

    One that needs somebody `fresh` also refuses a session that was merely left open, and every key.
    """
    declare = _declaring(need, of_object=False)

    def declare_all(endpoint: F) -> F:
        setattr(endpoint, _FRESH, fresh)
        return declare(endpoint)

    return declare_all


def needs_of_object(*need: Power) -> Callable[[F], F]:
    """Have a route refuse whoever could not have these powers on any object: by their role, or by what they were granted.

    Whether they have them on the object that the route names is for the function that fetches it to ask.
    """
    return _declaring(need, of_object=True)


def needs_of(endpoint: object) -> tuple[Need, ...] | None:
    """Return what a route's function has declared, None where it has declared nothing."""
    declared: tuple[Need, ...] | None = getattr(endpoint, _NEEDS, None)
    return declared


def check_of(endpoint: object) -> Check | None:
    """Return what refuses whoever lacks what the route needs, None where anyone may ask; made once, at the route's making."""
    declared = needs_of(endpoint)
    if declared is None or OPEN in declared:
        return None
    checks = [_check_of_need(endpoint, declared)]
    if ENROLLING not in declared:
        checks.insert(0, _refuse_enrolling)
    if needs_fresh(endpoint):
        checks.append(refuse_stale)

    def check(who: Actor) -> None:
        for each in checks:
            each(who)

    return check


def needs_fresh(endpoint: object) -> bool:
    """Say whether a route needs somebody who has just shown that it is them."""
    return bool(getattr(endpoint, _FRESH, False))


def _check_of_need(endpoint: object, declared: tuple[Need, ...]) -> Check:
    powers = frozenset(
        need if isinstance(need, Power) else Power.HUB_OPERATE
        for need in declared
        if isinstance(need, Power) or need is ADMINISTRATOR
    )
    if getattr(endpoint, _OF_OBJECT, False):
        return _check_of_object(powers)
    first = _require_session if SIGNED_IN in declared else _require_known
    if not powers:
        return first
    return _check_of_session(powers) if SIGNED_IN in declared else _check_of_powers(powers)


def operation_needs(declared: Iterable[Need], *, fresh: bool = False) -> dict[str, Any]:
    """Return what the API's document says of an operation: `needs`, `security`, and the same in words in `says`."""
    listed = list(declared)
    said = [_IN_WORDS[need] for need in listed if isinstance(need, Marker)]
    powers = [f"`{need}`" for need in listed if isinstance(need, Power)]
    if powers:
        said.append(f"Needs {' and '.join(powers)}.")
    if fresh:
        said.append(_FRESH_IN_WORDS)
    return {
        "needs": [str(need) for need in listed],
        "security": [] if OPEN in listed else [{"key": []}],
        "says": " ".join(said),
    }


def _declaring(need: tuple[Need, ...], *, of_object: bool) -> Callable[[F], F]:
    if not need:
        raise TypeError("say what the route needs: a power, OPEN, KNOWN, SIGNED_IN or ADMINISTRATOR")

    def declare(endpoint: F) -> F:
        setattr(endpoint, _NEEDS, need)
        setattr(endpoint, _OF_OBJECT, of_object)
        return endpoint

    return declare


def _check_of_powers(powers: frozenset[Power]) -> Check:
    def check(who: Actor) -> None:
        if not powers <= who.powers:
            _refuse(who, powers - who.powers)

    return check


def _check_of_session(powers: frozenset[Power]) -> Check:
    of_powers = _check_of_powers(powers)

    def check(who: Actor) -> None:
        _require_session(who)
        of_powers(who)

    return check


def _check_of_object(powers: frozenset[Power]) -> Check:
    def check(who: Actor) -> None:
        if powers <= who.powers or (who.user_id is not None and (who.scopes is None or powers <= who.scopes)):
            return
        _refuse(who, powers - who.powers)

    return check


def _refuse(who: Actor, missing: frozenset[Power]) -> None:
    if who.user_id is not None and Power.HUB_OPERATE in missing:
        raise NotAllowed("This is for whoever runs the hub; ask its administrator.")
    for power in sorted(missing):
        require(who, power)


def _refuse_enrolling(who: Actor) -> None:
    if who.must_enrol:
        raise SecondFactorNeeded(
            "This hub wants a second factor of you: set one up in your security settings, then go on."
        )


def _require_known(who: Actor) -> None:
    if who.user_id is None:
        raise SignInNeeded


def _require_session(who: Actor) -> None:
    _require_known(who)
    if who.key_id is not None:
        raise SignInWithSession("An API key cannot do this: sign in as yourself.")
