"""The door of second factors: whether somebody has one, a ticket to show it, and taking them from who has lost them."""

from lyceum.accounts.factors.queries import second_factors_of
from lyceum.accounts.factors.tickets import issue_ticket

__all__ = ["issue_ticket", "second_factors_of"]
