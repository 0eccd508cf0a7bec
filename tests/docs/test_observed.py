"""The pages for whoever runs the hub say of logs and metrics what the code does."""

import ast
import importlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import lyceum.predict
import lyceum.web
import lyceum.worker
from fixtures.servers import REPOSITORY
from lyceum.kernel.telemetry import JsonLines, log_context, registry, trace_parent
from lyceum.serve.predictions.metrics import NotLogged

PAGES = REPOSITORY / "docs" / "operations"
SOURCE = REPOSITORY / "src" / "lyceum"
PROCESSES = (lyceum.web, lyceum.worker, lyceum.predict)
"""Imported for what they register."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def rows_of_tables(page: str, *, below: str = "") -> Iterator[list[str]]:
    """Yield the cells of the page's tables whose first cell is one name, from the heading `below` to the next one."""
    text = (PAGES / page).read_text(encoding="utf-8")
    if below:
        text = text.split(f"## {below}\n", 1)[1].split("\n## ", 1)[0]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and re.fullmatch(r"`\w+`", cells[0]):
            yield [cells[0].strip("`"), *cells[1:]]


def registered() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return type and labels of every metric by the name Prometheus shows."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for collector in registry._collector_to_names:
        for metric in [collector] if hasattr(collector, "_name") else list(collector.collect()):
            name = str(getattr(metric, "_name", None) or getattr(metric, "name", ""))
            kind = str(getattr(metric, "_type", None) or getattr(metric, "type", ""))
            shown = f"{name}_total" if kind == "counter" else name
            found[shown] = (kind, tuple(getattr(metric, "_labelnames", ())))
    return found


def test_the_page_of_metrics_lists_what_is_registered_with_type_and_labels() -> None:
    written = {
        name: (kind, tuple(label.strip() for label in labels.split(",") if label.strip()))
        for name, kind, labels, *_ in rows_of_tables("metrics.md")
    }
    assert written == registered()


def test_the_page_of_metrics_says_each_value_of_a_label_that_the_code_names() -> None:
    named = label_values_named() | {"lyceum_predict_log_dropped_total": set(get_args(NotLogged))}
    assert named.keys() >= {"lyceum_limit_leases_total", "lyceum_predict_models_loaded_total"}
    said = {name: set(re.findall(r"`(\w+)`", meaning)) for name, _, _, meaning, *_ in rows_of_tables("metrics.md")}
    assert {name: said[name] for name in named} == named


def test_every_metric_means_something() -> None:
    assert [row[0] for row in rows_of_tables("metrics.md") if not row[3]] == []


def test_the_page_of_logs_lists_what_stands_in_every_line() -> None:
    tokens = (log_context.set({}), trace_parent.set(f"00-{'a' * 32}-{'b' * 16}-01"))
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        record = logging.getLogger("lyceum.x").makeRecord("lyceum.x", 40, "", 0, "said", (), sys.exc_info())
    line = json.loads(JsonLines("api").format(record))
    log_context.reset(tokens[0])
    trace_parent.reset(tokens[1])
    written = {row[0] for row in rows_of_tables("logs.md", below="In every line")}
    assert written == set(line) - {"trace_id"}


def test_the_page_of_logs_lists_whose_a_line_can_be() -> None:
    written = {row[0] for row in rows_of_tables("logs.md", below="Whose it is")}
    assert written == {"trace_id", *_ids_noted()}


def test_the_page_of_logs_lists_what_lines_are_about() -> None:
    said = {name for names, _ in _said() for name in names}
    ids = {row[0] for row in rows_of_tables("logs.md", below="Whose it is")}
    written = {row[0] for row in rows_of_tables("logs.md", below="What it is about")}
    assert written == said - ids


@pytest.mark.deep
def test_what_the_page_of_logs_alerts_on_is_said() -> None:
    text = (PAGES / "logs.md").read_text(encoding="utf-8").split("## What to alert on\n", 1)[1].split("\n## ", 1)[0]
    firsts = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    named = [name for first in firsts for name in re.findall(r"`([^`]+)`", first)]
    assert len(named) > 5
    messages = {message for _, message in _said()} | {message for _, message in _calls_without_facts()}
    assert set(named) - messages == set()


def _trees() -> Iterator[ast.Module]:
    return (ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py")))


def label_values_named() -> dict[str, set[str]]:
    """Return the values that are written out where a metric is labelled, by the name Prometheus shows."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if ".labels(" in text else ():
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "labels"):
                continue
            values = {one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)}
            if values:
                module = importlib.import_module(".".join(path.relative_to(SOURCE.parent).with_suffix("").parts))
                counter = getattr(module, ast.unparse(node.func.value))
                found.setdefault(f"{counter._name}_total", set()).update(values)
    return found


def _log_calls() -> Iterator[tuple[Function, ast.Call]]:
    for tree in _trees():
        for function in ast.walk(tree):
            if isinstance(function, Function):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("log.", "self._log.")):
                        yield function, node


def _said() -> Iterator[tuple[set[str], str]]:
    """Yield the names and the message of every line that is logged with facts."""
    for function, call in _log_calls():
        for keyword in call.keywords:
            if keyword.arg == "extra":
                yield _names_in(keyword.value, function), _message(call)


def _calls_without_facts() -> Iterator[tuple[Function, str]]:
    return ((function, _message(call)) for function, call in _log_calls())


def _message(call: ast.Call) -> str:
    texts = (one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str))
    return next(texts, "")


def _names_in(node: ast.expr, function: Function) -> set[str]:
    """Return the keys of a dict as it is written; what cannot be told from the text fails the test."""
    match node:
        case ast.Dict():
            found: set[str] = set()
            for key, value in zip(node.keys, node.values, strict=True):
                assert key is None or isinstance(key, ast.Constant), (
                    f"write the names of facts out: {ast.unparse(node)}"
                )
                found |= _names_in(value, function) if key is None else {str(key.value)}
            return found
        case ast.BinOp():
            return _names_in(node.left, function) | _names_in(node.right, function)
        case ast.IfExp():
            return _names_in(node.body, function) | _names_in(node.orelse, function)
        case ast.Name():
            values = [
                one.value
                for one in ast.walk(function)
                if isinstance(one, ast.Assign) and any(ast.unparse(target) == node.id for target in one.targets)
            ]
            assert values, f"{function.name}: say the facts where they are logged, not {node.id} from elsewhere"
            return {name for value in values for name in _names_in(value, function)}
    raise AssertionError(f"{function.name}: {ast.unparse(node)} cannot be told from the text")


def _ids_noted() -> set[str]:
    """Return what is put into the log's context: by `note_in_log`, by `log_context.set`, and by `enter_attempt`."""
    found: set[str] = set()
    for tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "note_in_log":
                found |= {str(keyword.arg) for keyword in node.keywords}
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "log_context.set":
                found |= {str(key.value) for one in node.args for key in _literal_keys(one)}
    entering = ast.parse((SOURCE / "kernel" / "jobs" / "entering.py").read_text(encoding="utf-8"))
    dicts = [node for node in ast.walk(entering) if isinstance(node, ast.Dict)]
    return found | {str(key.value) for one in dicts for key in _literal_keys(one)}


def _literal_keys(node: ast.expr) -> list[ast.Constant]:
    return [key for key in node.keys if isinstance(key, ast.Constant)] if isinstance(node, ast.Dict) else []


def test_the_source_is_where_it_is_looked_for() -> None:
    assert Path(str(lyceum.web.__file__)).is_relative_to(SOURCE)
