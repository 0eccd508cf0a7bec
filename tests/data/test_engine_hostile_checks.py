"""What people write into checks may be hostile: it is refused, or runs within its bounds."""

import time
from typing import Any

import polars as pl
import pytest

from lyceum.data.quality.engine.custom_sql import QueryRefused, rows_found
from lyceum.data.quality.engine.patterns import in_rust, searcher_of
from lyceum.data.quality.engine.public import InvalidCheck, SqlLimits, checks_from_plain, run_checks

TABLE = pl.LazyFrame({"a": [1, 2, None], "s": ["x", "y", "z"]})


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__[0].__subclasses__()",
        "a.__class__ == 1",
        "[x for x in (1, 2)] == 1",
        "(lambda: 1)() == 1",
        "a if a else a",
        "f'{a}' == 'x'",
        "a ** 99999999 > 1",
        "a << 9999 > 1",
        "(a := 1) == 1",
        "open('f') == 1",
        "a == None",
        "s in other",
        "a > 1; a > 2",
        "a >",
        "(" * 150 + "a" + ")" * 150 + " > 1 and",
        "-" * 1000 + "a > 1",
        "not " * 400 + "a > 1",
        " + ".join(["a"] * 400) + " > 1",
        "a" * 5000,
        "1e999 > a",
        "b'x' == s",
        "a > 1j",
        "... == a",
        "abs(a, a) > 1",
        "abs(*[a]) > 1",
        "matches(s, s)",
        "matches(s, '(a)\\\\1')",
        "a\x00 > 1",
        "",
    ],
)
def test_an_expression_beyond_the_grammar_is_refused_in_one_sentence(expression: str) -> None:
    with pytest.raises(InvalidCheck) as refused:
        checks_from_plain([{"kind": "expression", "expression": expression}])
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "pattern",
    ["(a)\\1", "a(?=b)", "(?<!a)b", "(a{100}){100}", "[a&&b]", "[a--b]", "\\B", "(", "[a", "a{1001}", "", "x" * 1001],
)
def test_a_pattern_that_cannot_be_linear_or_shared_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidCheck, match="pattern"):
        checks_from_plain([{"kind": "regex", "column": "s", "pattern": pattern}])


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*a){20}$", r"^(\w+\s?)*$", "(x+x+)+y"])
def test_a_catastrophic_pattern_takes_linear_time(pattern: str) -> None:
    hostile = pl.LazyFrame({"s": ["a" * 20_000 + "!", "x" * 20_000]})
    began = time.process_time()
    result = run_checks(hostile, checks_from_plain([{"kind": "regex", "column": "s", "pattern": pattern}])).results[0]
    assert result.status in {"passed", "failed"}
    assert time.process_time() - began < 5, "a backtracking engine would not end"


@pytest.mark.parametrize(
    "pattern,text",
    [
        (r"^\d$", "٣"),
        (r"^\w$", "é"),
        (r"^\s$", "\u00a0"),
        (r"a\b", "aé"),
        ("^.$", "\n"),
        ("a$", "a\n"),
        ("^[^\\d]$", "٣"),
        ("^[[a]$", "["),
        ("^[]a]$", "]"),
        ("^x{a}$", "x{a}"),
        ("(?i)^É$", "é"),
        (r"^\p{Lu}$", "É"),
        ("^[[:alpha:]]$", "a"),
        (r"^\x{e9}$", "é"),
        (r"^[\w.-]+$", "a.b-c"),
        ("^(?s:.)$", "\n"),
        (r"^\S$", "\v"),
    ],
)
def test_both_engines_read_a_pattern_alike(pattern: str, text: str) -> None:
    found = searcher_of(pattern).search(text) is not None
    assert pl.Series([text]).str.contains(in_rust(pattern)).item() is found


LIMITS = SqlLimits(seconds_max=30, memory_mb_max=128)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:1/x')",
        "COPY data TO 'stolen.csv'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "SELECT 1; SELECT 2",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "DELETE FROM data",
        "CREATE TABLE t AS SELECT 1",
        "PRAGMA database_list",
        "SELECT * FROM data) x; DROP VIEW data; SELECT * FROM (SELECT 1",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM query('COPY data TO ''x.csv''')",
        "SELECT * FROM other_table",
        "SELECT repeat('x', 2000000000)",
        "SELECT list(i) FROM range(1000000000) t(i)",
        "",
        "SELECT",
    ],
)
def test_a_query_reaches_nothing_but_its_table(query: str) -> None:
    with pytest.raises(QueryRefused):
        rows_found(TABLE, query, limits=LIMITS)


def test_a_query_that_never_ends_is_ended() -> None:
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT * FROM t"
    with pytest.raises(QueryRefused, match="longer than 3 seconds"):
        rows_found(TABLE, endless, limits=SqlLimits(seconds_max=3, memory_mb_max=128))


def test_a_query_sees_its_table_and_its_rows_are_a_sample() -> None:
    found = rows_found(
        TABLE, "WITH gaps AS (SELECT * FROM data WHERE a IS NULL) SELECT s FROM gaps -- done;", limits=LIMITS
    )
    assert (found.count, found.sample) == (1, ({"s": "z"},))
    many = rows_found(TABLE, "SELECT i, repeat('y', 1000) AS y FROM range(5000) t(i)", limits=LIMITS)
    assert (many.count, len(many.sample), len(many.sample[0]["y"])) == (5000, 10, 200)


def test_rows_of_a_query_are_covered_where_the_table_has_masked_columns() -> None:
    asked: Any = checks_from_plain([{"kind": "sql", "query": "SELECT s || '!' AS loud FROM data"}])
    result = run_checks(TABLE, asked, masked={"s"}).results[0]
    assert result.failing == 3
    assert {value for row in result.sample for value in row.values.values()} == {"•••"}
