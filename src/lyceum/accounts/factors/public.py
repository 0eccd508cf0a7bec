"""The door of second factors: whether somebody has one or could, a ticket to show it, and taking them from who has lost them."""

from lyceum.accounts.factors.ceremonies import are_passkeys_possible
from lyceum.accounts.factors.queries import second_factors_of
from lyceum.accounts.factors.resetting import remove_factors_by_email
from lyceum.accounts.factors.tickets import issue_ticket

__all__ = ["are_passkeys_possible", "issue_ticket", "remove_factors_by_email", "second_factors_of"]
