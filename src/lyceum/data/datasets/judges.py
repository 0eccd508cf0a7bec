"""Who judges the rows of a version before they are committed: modules above datasets, which `wiring.VERSION_JUDGES` lists.

A judge says in the job's first transaction what it has to know (`ask`), computes in the job's process on rows that are
staged and committed nowhere (`compute`), and keeps what it found in the transaction that ends the job (`keep`). Where one
refuses, nothing is committed and the version is rejected.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.work import Judgement, Question


@dataclass(frozen=True, slots=True)
class VersionJudge:
    """A judge of versions.

    `ask` returns what `compute` is given, None where there is nothing to judge the version by. `compute` names a function
    as `module:function` that takes that and `StagedRows` and returns a `Judgement`, in a process without a database. `keep`
    is told of the judgement, the version being accepted or about to be rejected, and returns what the error says beside.
    """

    name: str
    ask: Callable[[AsyncSession, UUID], Awaitable[dict[str, Any] | None]]
    compute: str
    keep: Callable[[AsyncSession, UUID, Judgement], Awaitable[Mapping[str, Any]]]


async def questions_to(tx: AsyncSession, version_id: UUID, judges: Iterable[VersionJudge]) -> tuple[Question, ...]:
    """Return what the judges are to be asked of a version that is being made."""
    asked = [(judge, await judge.ask(tx, version_id)) for judge in judges]
    return tuple(
        Question(judge=judge.name, compute=judge.compute, asked=what) for judge, what in asked if what is not None
    )


async def kept(
    tx: AsyncSession, version_id: UUID, judgements: Iterable[Judgement], judges: Iterable[VersionJudge]
) -> dict[str, Any] | None:
    """Have what was found kept, and return the error of the first judge that refuses, None where none does."""
    by_name = {judge.name: judge for judge in judges}
    error: dict[str, Any] | None = None
    for judgement in judgements:
        judge = by_name.get(judgement.judge)
        beside = await judge.keep(tx, version_id, judgement) if judge is not None else {}
        if judgement.refusal is not None and error is None:
            error = {**judgement.refusal, **beside}
    return error
