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
    """Have a route say what it needs."""

    def declare(endpoint: F) -> F:
        setattr(endpoint, "__needs__", need)  # noqa: B010 no function has such an attribute
        return endpoint

    return declare
