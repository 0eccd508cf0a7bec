"""What came of checks, as programs of continuous integration read it: JUnit XML, Markdown, annotations of GitHub."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from lyceum.data.quality.engine.public import CheckReport, CheckResult

SHOWN_ROWS_MAX = 3
SHOWN_COLUMNS_MAX = 6
_MARKDOWN = {ord(char): f"&#{ord(char)};" for char in "\\`*_{}[]<>#|~@&"}
_MARKS = {"passed": "✅", "failed": "❌", "errored": "❌"}


def as_junit(report: CheckReport, *, file_name: str) -> str:
    """Return the report as JUnit XML: a test case a check. A warning that fails is skipped, with what was found as message."""
    suite = ET.Element(
        "testsuite",
        name=_of_xml(file_name),
        tests=str(len(report.results)),
        failures=str(sum(_is_failure(result) for result in report.results)),
        errors=str(sum(result.status == "errored" and result.blocks for result in report.results)),
        skipped=str(sum(result.status != "passed" and not result.blocks for result in report.results)),
    )
    for result in report.results:
        case = ET.SubElement(suite, "testcase", name=_of_xml(result.check.id), classname=_of_xml(file_name))
        if result.status == "passed":
            continue
        kind = "skipped" if not result.blocks else "failure" if result.status == "failed" else "error"
        told = ET.SubElement(case, kind, message=_of_xml(result.sentence))
        told.text = _of_xml("\n".join(_row_lines(result)))
    ET.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def as_markdown(report: CheckReport, *, file_name: str) -> str:
    """Return the report as Markdown for the summary of a build or a comment: what does not hold comes first."""
    held = f"{report.count('passed')} of {len(report.results)} checks hold on {report.rows:,} rows"
    lines = [
        f"### {_of_markdown(file_name)}: {held}",
        "",
        "| | check | found |",
        "|---|---|---|",
    ]
    for result in sorted(report.results, key=lambda result: (not result.blocks, result.status == "passed")):
        mark = "⚠️" if result.status != "passed" and not result.blocks else _MARKS[result.status]
        lines.append(f"| {mark} | {_of_markdown(result.check.id)} | {_of_markdown(result.sentence)} |")
    return "\n".join(lines) + "\n"


def as_github_annotations(report: CheckReport, *, file_name: str) -> str:
    """Return a workflow command for each check that does not hold, at the first row that fails it; "" if all hold."""
    return "".join(f"{line}\n" for line in _annotations(report, file_name))


def _annotations(report: CheckReport, file_name: str) -> Iterator[str]:
    for result in report.results:
        if result.status == "passed":
            continue
        line = result.sample[0].line if result.sample else None
        facts = {"file": file_name, **({} if line is None else {"line": str(line)}), "title": result.check.id}
        said = ",".join(f"{name}={_of_property(value)}" for name, value in facts.items())
        yield f"::{'error' if result.blocks else 'warning'} {said}::{_of_command(result.sentence)}"


def _row_lines(result: CheckResult) -> Iterator[str]:
    for row in result.sample[:SHOWN_ROWS_MAX]:
        where = f"line {row.line}" if row.line is not None else f"row {row.row}"
        cells = list(row.values.items())[:SHOWN_COLUMNS_MAX]
        yield f"{where}: " + ", ".join(f"{name}={value!r}" for name, value in cells)


def _is_failure(result: CheckResult) -> bool:
    return result.status == "failed" and result.blocks


def _of_xml(text: str) -> str:
    """Return a text with what XML 1.0 has no character for shown in words."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)


def _of_markdown(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text).translate(_MARKDOWN)


def _of_command(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _of_property(text: str) -> str:
    return _of_command(text).replace(":", "%3A").replace(",", "%2C")
