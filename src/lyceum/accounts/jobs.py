"""The jobs of accounts."""

from collections.abc import Sequence

from lyceum.accounts.organisations.erasing import erasing_handler
from lyceum.accounts.privacy.public import Eraser
from lyceum.kernel.jobs.handlers import Handler


def handlers(erasers: Sequence[Eraser]) -> tuple[Handler, ...]:
    """Return what runs them; `erasers` remove what modules keep of a deleted organisation, in this order."""
    return (erasing_handler(erasers),)
