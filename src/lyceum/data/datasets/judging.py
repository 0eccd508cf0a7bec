"""Judging staged rows, in a process that computes and has no database."""

import importlib
from collections.abc import Iterable

from lyceum.data.datasets.rows.public import StagedRows
from lyceum.data.datasets.work import Judgement, Question


def judged(questions: Iterable[Question], staged: StagedRows) -> tuple[Judgement, ...]:
    """Return the judgements on staged rows, in a process that computes."""
    found = []
    for question in questions:
        module, _, function = question.compute.partition(":")
        judge = getattr(importlib.import_module(module), function)
        found.append(Judgement(judge=question.judge, **judge(question.asked, staged)))
    return tuple(found)


def are_good(judgements: Iterable[Judgement]) -> bool:
    """Say whether no judge refuses."""
    return all(judgement.refusal is None for judgement in judgements)
