"""A notebook (nbformat 4) that asks the hub for what the walkthrough made; it needs `lyceum-client` alone."""

import html
import json
from typing import Any

from lyceum.walkthrough.steps import ALIAS
from lyceum.walkthrough.summary import Findings
from lyceum.walkthrough.wording import clean

KEY_FILE = "api-key"


def notebook_of(found: Findings, *, hub_url: str) -> dict[str, Any]:
    """Return the notebook; it takes the key from LYCEUM_API_KEY, else from the file beside it."""
    dataset = f"{found.uploaded.dataset.address}@{found.uploaded.version.number}"
    model = f"{found.served.version.model}@{ALIAS}"
    cells = [
        _text(
            f"# {html.escape(clean(found.table.question))}",
            "",
            f"The dataset `{dataset}`, its checks, the training run and the model `{model}`, from the hub that made them.",
            "",
            "It needs `pip install lyceum-client`, and a key in `LYCEUM_API_KEY` or in the file `api-key` beside it.",
        ),
        _code(
            "import os",
            "from pathlib import Path",
            "",
            "from lyceum_client import Client",
            "",
            f"url = os.environ.get('LYCEUM_URL', {hub_url!r})",
            f"key = os.environ.get('LYCEUM_API_KEY') or Path({KEY_FILE!r}).read_text().strip()",
            "hub = Client(url, key)",
            "hub.me()",
        ),
        _text("## The data"),
        _code(
            f"dataset = {dataset!r}",
            "version = hub.datasets.version(dataset)",
            "print(f'{version.row_count:,} rows')",
            "for column in hub.datasets.profile(dataset)['columns']:",
            "    print(f\"{column['name']:<28} {column['type']:<12} {column['missing']:>8,} missing  {column['distinct']:>8,} distinct\")",
        ),
        _code(
            "preview = hub.datasets.preview(dataset, limit=5)",
            "for row in preview.rows:",
            "    print(dict(zip(preview.columns, row)))",
        ),
        _text("## Is it good?"),
        _code(
            f"checked = hub.checks.run_result({found.checked.run.id!r})",
            "print(checked.state)",
            "for result in sorted(checked.results, key=lambda result: result.status == 'passed'):",
            "    print(f'{result.status:<8} {result.sentence}')",
        ),
        _text("## What was learned"),
        _code(
            f"run = hub.runs.get({found.trained.run.id!r})",
            "print(f'{run.metric}: {run.score:.4f} on rows it had never seen; guessing gives {run.baseline:.4f}')",
            "for row in run.leaderboard:",
            "    print(f'{row.name:<28} {row.score:.4f}  weight {row.weight:.0%}')",
            "for column, reason in run.columns_left_out.items():",
            "    print(f'left out {column}: {reason}')",
        ),
        _code(
            "report = hub.runs.report(run.id)",
            "for entry in sorted(report['importances'], key=lambda entry: -entry['importance']):",
            "    print(f\"{entry['column']:<28} {entry['importance']:+.4f}\")",
        ),
        _text("## Ask it"),
        _code(
            f"model = {model!r}",
            "samples = report['sample_rows'][:5]",
            "answers = hub.models.predict(model, [sample['row'] for sample in samples])",
            "for sample, answer in zip(samples, answers.predictions):",
            "    predicted = answer.value if answer.value is not None else answer.label",
            "    print(f\"predicted {predicted}, it was {sample['truth']}\")",
        ),
    ]
    return {
        "cells": [{**cell, "id": f"cell-{place}"} for place, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebook_text(notebook: dict[str, Any]) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _text(*lines: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": _lines(lines)}


def _code(*lines: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": _lines(lines)}


def _lines(lines: tuple[str, ...]) -> list[str]:
    return [*(f"{line}\n" for line in lines[:-1]), lines[-1]]
