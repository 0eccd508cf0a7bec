"""Rows whose time is over, removed a batch a transaction, so that nobody waits for long behind one."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import TextClause

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.tx import transaction


async def forget_in_batches(
    database: Database, statement: TextClause, values: Mapping[str, Any] | None = None, *, at_once: int
) -> int:
    """Run a statement that removes at most `:at_most` rows and returns how many, until none are left; return the sum."""
    removed = 0
    while True:
        async with transaction(database, NOBODY) as tx:
            batch = int(await tx.scalar(statement, {**(values or {}), "at_most": at_once}) or 0)
        removed += batch
        if batch < at_once:
            return removed
