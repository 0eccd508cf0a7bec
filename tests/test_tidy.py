"""The house rules a machine can check; the lists of exceptions may only get shorter."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 600
FILE_LINES_WANTED = 400

LONG_FILES: dict[str, int] = {}
"""Files past what is wanted, with the lines they may have."""

LONG_FUNCTIONS = {"src/lyceum/walkthrough/notebook.py notebook_of"}
"""Functions past a screen."""

PRODUCT = ("src", "client/src")
CODE = (*PRODUCT, "scripts", "bench", "migrations", "tests", "client/tests")
WRITTEN = (*CODE, "web", "docs", "deploy", ".ci", "client")
ENDINGS = frozenset(
    {
        ".py",
        ".sql",
        ".toml",
        ".md",
        ".html",
        ".css",
        ".js",
        ".ts",
        ".tsx",
        ".json",
        ".cfg",
        ".ini",
        ".sh",
        ".txt",
        ".yml",
        ".yaml",
        "",
    }
)
LEFT_OUT = re.compile(r"^(__pycache__|node_modules|\.git|dist|build|\.coverage.*|\..*_cache|.*\.egg-info)$")
LEFT_OUT_PLACES = ("src/lyceum/_web/", "src/lyceum/_web.new/", "src/lyceum/_web.old/", "web/screens/")
"""Where what a build makes lies, and pictures of it."""
COMMITS = frozenset({"src/lyceum/kernel/tx.py", "src/lyceum/kernel/migrate.py"})
BANNED_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "managers", "manager", "base", "misc"})

# Put together here, so that this file does not hold what it looks for.
MARKS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
PATHS = re.compile(r"(?<![\w.])/(home|Users)/(?!lyceum\b)\w+|(?<![\w.])/(root|work)/\w")
REGISTRIES = re.compile(
    r"\b("
    + "|".join(
        re.escape(name + end)
        for name, end in (
            ("pypi", ".org"),
            ("pythonhosted", ".org"),
            ("registry.npmjs", ".org"),
            ("registry.yarnpkg", ".com"),
            ("crates", ".io"),
            ("docker", ".io"),
            ("ghcr", ".io"),
            ("quay", ".io"),
            ("proxy.golang", ".org"),
        )
    )
    + r")\b"
)


@cache
def _files(*folders: str) -> tuple[Path, ...]:
    top = [path for path in REPOSITORY.iterdir() if path.is_file()] if folders == WRITTEN else []
    found = [path for folder in folders for path in (REPOSITORY / folder).rglob("*") if path.is_file()]
    return tuple(
        sorted(
            path
            for path in {*top, *found}
            if path.suffix in ENDINGS
            and not _name(path).startswith(LEFT_OUT_PLACES)
            and not any(LEFT_OUT.match(part) for part in path.relative_to(REPOSITORY).parts)
        )
    )


def _python(*folders: str) -> list[Path]:
    return [path for path in _files(*folders) if path.suffix == ".py"]


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{_name(path)}:{number}: {line.strip()[:100]}"
        for path in _files(*WRITTEN)
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{_name(path)} {function.name}"
        for path in _python(*CODE)
        for function in _functions(_tree(path))
        if (function.end_lineno or 0) - function.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert long - LONG_FUNCTIONS == set()
    assert LONG_FUNCTIONS - long == set(), "take these out of the list"


def test_no_file_is_longer_than_it_may_be() -> None:
    lines = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _python(*CODE)}
    too_long = {name: count for name, count in lines.items() if count > LONG_FILES.get(name, FILE_LINES_WANTED)}
    assert too_long == {}
    assert max(LONG_FILES.values(), default=0) <= FILE_LINES_MAX
    short_by_now = [name for name in LONG_FILES if lines.get(name, 0) <= FILE_LINES_WANTED]
    assert short_by_now == [], "take these out of the list"


def test_public_functions_say_what_comes_back() -> None:
    silent = [
        f"{_name(path)}:{function.lineno} {function.name}"
        for path in _python(*PRODUCT)
        for function in _public_functions(_tree(path))
        if ast.get_docstring(function) is None
    ]
    assert silent == []


def _public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for body in (tree.body, *(one.body for one in classes)):
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
                continue
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            # One that only returns an expression is as short as the sentence about it would be.
            if not decorators & {"overload", "override"} and not (
                len(node.body) == 1 and isinstance(node.body[0], ast.Return)
            ):
                yield node


def test_only_the_transaction_commits() -> None:
    commits = [
        f"{_name(path)}:{node.lineno}"
        for path in _python("src")
        if _name(path) not in COMMITS
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert commits == []


def test_no_module_is_a_grab_bag() -> None:
    bags = [_name(path) for path in _python(*CODE) if BANNED_NAMES & {path.stem, *path.relative_to(REPOSITORY).parts}]
    assert bags == []


@pytest.mark.parametrize("pattern", [MARKS, PATHS, REGISTRIES], ids=["unfinished", "path of a machine", "registry"])
def test_no_file_holds(pattern: re.Pattern[str]) -> None:
    assert _found(pattern) == []
