"""What a route needs of whoever asks, declared under its decorator."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from lyceum.accounts.policy import Power


class Marker(StrEnum):
    """What a route needs that is no power in an organisation."""

    OPEN = "open"
    KNOWN = "known"
    SIGNED_IN = "signed-in"
    ADMINISTRATOR = "administrator"


OPEN = Marker.OPEN
KNOWN = Marker.KNOWN
SIGNED_IN = Marker.SIGNED_IN
ADMINISTRATOR = Marker.ADMINISTRATOR

F = TypeVar("F", bound=Callable[..., object])


def needs(*need: Power | Marker) -> Callable[[F], F]:
    """Return what notes on a route's function what it needs."""

    def declare(endpoint: F) -> F:
        endpoint.__needs__ = need  # type: ignore[attr-defined] # a note on a function
        return endpoint

    return declare
