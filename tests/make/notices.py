"""Notices, told as modules tell them."""

from typing import Any
from uuid import UUID

from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.notify.public import Notice, RunFailed, RunFinished, notify
from make.accounts import Member


def run_finished(**more: Any) -> RunFinished:
    """A training run that has a model."""
    facts = {"run_id": "1", "dataset": "main/flights", "target": "late", "metric": "ROC AUC", "score": "0.77"}
    return RunFinished(**(facts | more))


def run_failed(**more: Any) -> RunFailed:
    """A training run that has none."""
    return RunFailed(**({"run_id": "1", "dataset": "main/flights", "target": "late", "reason": "No rows."} | more))


async def tell(resources: Resources, teller: Member, notice: Notice, *to: UUID, **options: Any) -> None:
    """Tell people of something, as the organisation of `teller`; `teller` itself when nobody is named."""
    async with transaction(resources.database, teller.scope) as tx:
        await notify(tx, notice, to or [teller.user_id], **options)
