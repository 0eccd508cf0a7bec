"""The door of the hub as identity provider: what its plain page at `/authorize` asks and does."""

from lyceum.accounts.provider.authorizing import (
    Asked,
    decide,
    denied_url,
    parameters_in,
    read_request,
    step_of,
)
from lyceum.accounts.provider.errors import AuthorizationDenied, AuthorizationRefused

__all__ = [
    "Asked",
    "AuthorizationDenied",
    "AuthorizationRefused",
    "decide",
    "denied_url",
    "parameters_in",
    "read_request",
    "step_of",
]
