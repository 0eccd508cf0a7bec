"""What the hub refuses as an identity provider."""

from collections.abc import Mapping
from types import MappingProxyType

from lyceum.kernel.problems import Conflict, Invalid, NotFound


class OauthClientNotFound(NotFound):
    """No such program."""

    code = "oauth_client_not_found"


class RedirectUriUnusable(Invalid):
    """An address that a program must not have browsers sent to."""

    code = "redirect_uri_unusable"


class TooManyClients(Conflict):
    """No more programs are taken."""

    code = "too_many_oauth_clients"


class AuthorizationRefused(Invalid):
    """A request that names no program of this hub, or an address that is not that program's: nobody is sent anywhere."""

    code = "authorization_refused"


class AuthorizationDenied(Exception):
    """A request that its program is told the end of, by the address the browser is sent back to."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class TokenRefused(Exception):
    """What a program is told that gets no token (RFC 6749, 5.2)."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.headers = headers
