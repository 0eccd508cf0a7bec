"""The door of signing on: what a sign-in page offers, and the providers a process knows."""

from lyceum.accounts.signon.discovery import IdentityProviders
from lyceum.accounts.signon.queries import OfferedProvider, list_offered
from lyceum.accounts.signon.status import sign_on_status

__all__ = ["IdentityProviders", "OfferedProvider", "list_offered", "sign_on_status"]
