"""What a limit says of itself: how much is left, and in an answer's headers."""

import ipaddress
import math
from dataclasses import dataclass

from starlette.types import Scope

from lyceum.kernel.problems import TooMany


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many in any so many seconds; `name` is that of the policy as clients see it."""

    name: str
    at_most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking for one more: how many are left, when there will be more, and how long to wait for one.

    `wait_seconds` is None when it was granted.
    """

    limit: Limit
    remaining: int
    more_in_seconds: float
    wait_seconds: float | None

    @property
    def fields(self) -> dict[str, str]:
        """The header fields of the IETF draft (draft-ietf-httpapi-ratelimit-headers-10), and those it began with."""
        limit, more_in = self.limit, str(whole_seconds(self.more_in_seconds))
        return {
            "ratelimit-policy": f'"{limit.name}";q={limit.at_most};w={limit.seconds}',
            "ratelimit": f'"{limit.name}";r={self.remaining};t={more_in}',
            "ratelimit-limit": str(limit.at_most),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": more_in,
        }


class OverLimit(TooMany):
    """More than a limit grants; the answer says when to come again."""

    code = "over_limit"

    def __init__(self, detail: str, taken: Taken) -> None:
        super().__init__(detail)
        self.headers = {"retry-after": str(whole_seconds(taken.wait_seconds or 0.0)), **taken.fields}


def whole_seconds(seconds: float) -> int:
    """Return whole seconds that are no less, and at least one."""
    return max(1, math.ceil(seconds))


def address_of(scope: Scope) -> str:
    """Return whom a request without a key is counted for: its IPv4 address, or the IPv6 network of its site (/64).

    Behind a trusted proxy that is the address the proxy names.
    """
    client = scope.get("client")
    host = client[0] if client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        # one person's machines have a network of their own, with addresses without number
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
