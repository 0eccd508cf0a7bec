"""List the sentences of the hub that the web app shows, and say which of them have no German one.

The API speaks English alone; the app puts what it shows of it into German by `web/src/i18n/hub.de.json`. A sentence stands there as
in the source, with `{}` for each value of an f-string. Every text of more than one word counts as a sentence, wherever it stands,
save what `OUTSIDE` and `_is_aside` leave out: one that is forgotten cannot be overlooked, whichever way it takes to a page.
"""

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from pydantic_core._pydantic_core import list_all_errors

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/lyceum"
CATALOGUE = ROOT / "web/src/i18n/hub.de.json"

# read at a terminal, in a log or in a notebook
_ELSEWHERE = """
__init__.py _web/ backup/ cli hub/ kernel/config kernel/migrate.py predict.py walkthrough/ web.py webbuild.py worker.py
data/quality/ascode/ data/quality/engine/notebook.py data/quality/engine/report.py serve/runtime/frames.py serve/runtime/model.py
serve/runtime/parity.py serve/runtime/rows.py serve/runtime/spec.py train/engine/fitted.py train/engine/openmp.py
train/engine/portfolio.py
"""
# in a file, a letter or a page of their own, or sent to programs as their protocol has it
_FOR_OTHERS = """
accounts/privacy/archive.py accounts/privacy/exporters.py accounts/provider/routes.py accounts/provider/tokens.py
kernel/http/documented.py kernel/http/downloads.py kernel/http/protection.py notify/leaving.py notify/previews.py pages/
serve/predictions/document.py serve/predictions/log
"""
# statements, names of figures, and what only a programmer meets
_MACHINERY = """
kernel/cache/ kernel/db.py kernel/events.py kernel/http/routing.py kernel/jobs/counts.py kernel/jobs/figures.py
kernel/jobs/guard kernel/jobs/handlers.py kernel/jobs/models.py kernel/jobs/worker.py kernel/limits/windows.py
kernel/partitions.py kernel/prepared.py kernel/realtime/news.py kernel/realtime/reader.py kernel/resources.py
kernel/statements.py kernel/telemetry.py kernel/tracing.py kernel/valkey.py kernel/written.py serve/predictions/metrics.py
"""
# answered to programs alone, as long as no page of the app asks for it
_NO_PAGE = """
data/quality/anomalies/calibration.py data/quality/anomalies/detectors.py data/quality/anomalies/forest.py data/quality/anomalies/fusion.py
data/quality/anomalies/measures.py data/quality/anomalies/panel.py data/quality/anomalies/public.py data/quality/anomalies/relations.py
data/quality/anomalies/sequence.py data/quality/anomalies/smoothing.py data/quality/anomalies/states.py data/quality/anomalies/tallies.py
data/quality/anomalies/watch.py data/quality/anomalies/watching.py
data/quality/engine/small.py data/quality/engine/measuring.py data/quality/engine/states.py
data/quality/engine/in_duckdb.py data/quality/engine/in_python.py data/datasets/pushes/records.py data/datasets/pushes/service.py
data/schemas/engine/json_ data/schemas/engine/proto data/schemas/registry/ data/schemas/queries.py data/schemas/service.py
data/schemas/errors.py data/datasets/delta_sharing/ data/datasets/handing/ data/quality/cluster.py data/quality/scan.py
"""
OUTSIDE = tuple(f"{_ELSEWHERE} {_FOR_OTHERS} {_MACHINERY} {_NO_PAGE}".split())
"""What the paths begin with of modules that say nothing to whoever has a page open."""

NOT_SHOWN = {
    *("private, no-cache, no-transform", "dataset fetch", "xmax = 0"),
    "incidents are those of an organisation; let the transaction work for the dataset's",
    " - at ",
    "Value error, ",
    *"""
Lyceum client
^{}(?:,? (?:(?:de|del|der|di|da|la|le|van|von|zu|bin|al|y|e) )*{}){0,4}$
phone telephone tel mobile cell cellphone fax telefon handy mobil rufnummer
firstname lastname surname forename givenname familyname fullname middlename maidenname vorname nachname patient customername contactname personname employeename
sql import
sql import {}
trusted_schema = OFF
query_only = ON
cell_size_check = ON
mmap_size = 0
Reading({}, {}, {})
messages of a stream
streams cannot be looked for just now
application/vnd.schemaregistry.v1+json, application/json
postgresql://… or mysql://user:password@host:port/database; kept sealed, and never shown.
A table, or schema.table; instead of a query.
One query that reads; instead of a table.
PUT part {} of upload {}/{}
PUT upload {}/{}
Samsung Internet
a guest is somewhere
a passkey that is not known was believed
a text that no training row had ☃
accounts that are guessed
an operation id is made of letters, digits and hyphens, at most 64, not {}
answered before
authenticator apps
dataset erasure
dead letter {}
first key
hub secret
identity provider
interval 36500 days
it answers nothing that was just asked for this
it is not known here
it names no challenge
it names somebody else
its id cannot be read
local administrator
one-time link {}
public, max-age={}
push subscription
recovery code
sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'
second factors
set-up link
sign-on client secrets
sign-on refresh tokens
sign-ons under way
signing keys
tell at most {} people in one transaction, not {}
text/csv; charset=utf-8
text/plain; version=0.0.4
the staging folder {} exists already
there are no files to stage
training runs
vapid t={}, k={}
whom a token is for
wrong host
""".splitlines(),
}
"""Marks of a protocol, labels of limits and keys, and what a program says of itself."""

_WORDS_FOR_PROGRAMMERS = "AssertionError KeyError LookupError NotImplementedError RuntimeError TypeError"
_CALLS = set(
    f"{_WORDS_FOR_PROGRAMMERS} text execute scalar compile getLogger JSONResponse APIRouter Field Query Path Header TypeVar cast"
    " get post patch delete put Counter Histogram Gauge create_counter".split()
)
_OWNERS = {"log", "re", "statements", "warnings"}
_NAMED_ASIDE = {"description", "summary", "title", "examples", "purpose", "server_default"}
_STATEMENT = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|CREATE|ALTER|FROM|TABLE|LOCK|NOTIFY|GRANT|ORDER BY|AND)\b"
)
_PYTHON_ALONE = re.compile(
    r"dataclass|callable|is_instance|is_subclass|_type$|assertion|model_attributes|mapping|iter|frozen|recursion|no_such|"
    r"default_factory|get_attribute|int_from_float|unexpected|missing_|multiple_argument|custom|set_item|complex|bytes|"
    r"needs_python|url_(?!parsing|scheme|too_long)|value_error|arguments|invalid_key|finite_number_|decimal_(?!max|parsing)|none_"
)
"""Kinds of pydantic's that only values of Python meet, or that say what a page cannot bring about."""
ALSO_OF_PYDANTIC = {
    "string_type",
    "int_type",
    "float_type",
    "bool_type",
    "list_type",
    "dict_type",
    "model_attributes_type",
}


def template_of(node: ast.AST) -> str | None:
    """Return a text as it stands in the source, `{}` for each value in it; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{(:[^{}]*|at|before|after)\}", "{}", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def shown() -> dict[str, str]:
    """Return every sentence a page may show, with where it stands."""
    found = {template: str(path.relative_to(SOURCE)) for path in _modules() for template in sentences_of(path)}
    return {**_of_pydantic(), **found}


def sentences_of(module: Path) -> list[str]:
    """Return the sentences of a module, in its order."""
    return list(_sentences(ast.parse(module.read_text())))


def stale(entry: str) -> bool:
    """Return whether an entry is no text of the source, and no texts of it put together."""
    return not all(_is_said(piece) for piece in entry.split("{}"))


def lacks(template: str, entries: Iterable[str]) -> bool:
    """Return whether no entry says a sentence, nor says it as the part of a longer one that it always is."""
    words = template.removeprefix("{}").removesuffix("{}")
    is_part = not words[0].isalnum() or words[-1] == " "
    return template not in entries and not (is_part and any(words in entry for entry in entries))


def german() -> dict[str, str]:
    """Return the catalogue."""
    entries: dict[str, str] = json.loads(CATALOGUE.read_text())
    return entries


def _is_said(piece: str) -> bool:
    said = _all_said()
    if not piece or piece in said:
        return True
    reached = {0}
    for end in range(1, len(piece) + 1):
        if any(piece[start:end] in said or piece[start:end].isdigit() for start in reached):
            reached.add(end)
    return len(piece) in reached


@cache
def _all_said() -> set[str]:
    """Return what stands between the values of every text."""
    texts = set(_of_pydantic())
    for path in _modules():
        nodes = ast.walk(ast.parse(path.read_text()))
        texts |= {template for node in nodes if (template := template_of(node)) is not None}
    return {piece for text in texts for piece in text.split("{}")}


def _modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if not str(path.relative_to(SOURCE)).startswith(OUTSIDE)]


def _of_pydantic() -> dict[str, str]:
    return {
        re.sub(r"\{\w+\}", "{}", kind.get("message_template_json", kind["message_template_python"])): "pydantic"
        for kind in list_all_errors()
        if "Ellipsis" not in kind["message_template_python"]
        and (kind["type"] in ALSO_OF_PYDANTIC or not _PYTHON_ALONE.search(kind["type"]))
    }


def _sentences(node: ast.AST) -> Iterator[str]:
    if _is_aside(node):
        return
    template = template_of(node)
    if template is not None and _is_sentence(template):
        yield template
    for child in _parts(node):
        yield from _sentences(child)


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.JoinedStr(values=values):
            yield from (part for part in values if not isinstance(part, ast.Constant))
        case ast.Call(func=func, args=args, keywords=keywords):
            yield from (func, *args, *(each.value for each in keywords if each.arg not in _NAMED_ASIDE))
        case ast.Dict(keys=keys, values=values):
            named = zip(keys, values, strict=True)
            yield from (v for k, v in named if not (isinstance(k, ast.Constant) and k.value in _NAMED_ASIDE))
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from (*node.body, *node.args.defaults, *(each for each in node.args.kw_defaults if each))
        case ast.AnnAssign(value=value):
            yield from [value] if value else []
        case _:
            yield from ast.iter_child_nodes(node)


def _is_aside(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assert():
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in _NAMED_ASIDE
        case ast.Call(func=ast.Name(id=name)):
            return name in _CALLS
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
            return owner in _OWNERS or name in _CALLS
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in _CALLS
        case _:
            return False


def _is_sentence(template: str) -> bool:
    words = template.replace("{}", "").strip()
    return (
        " " in words
        and template not in NOT_SHOWN
        and "\n" not in template
        and re.search(r"[a-z]{2}", words) is not None
        and not _STATEMENT.search(template)
    )


def main() -> int:
    """Print the sentences without a German one, and the entries that no sentence stands behind; 1 if there are any."""
    entries = german()
    lacking = {template: place for template, place in shown().items() if lacks(template, entries)}
    for template, place in lacking.items():
        sys.stdout.write(f"{place}: no German for {json.dumps(template, ensure_ascii=False)}\n")
    old = [entry for entry in entries if stale(entry)]
    for entry in old:
        sys.stdout.write(f"nothing says {json.dumps(entry, ensure_ascii=False)} any more\n")
    return 1 if lacking or old else 0


if __name__ == "__main__":
    raise SystemExit(main())
