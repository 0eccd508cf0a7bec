"""The door of second factors: whether somebody has one, a ticket to show it, and taking them from who has lost them."""

from lyceum.accounts.factors.queries import second_factors_of
from lyceum.accounts.factors.resetting import remove_factors_by_email
from lyceum.accounts.factors.tickets import issue_ticket

__all__ = ["issue_ticket", "remove_factors_by_email", "second_factors_of"]
