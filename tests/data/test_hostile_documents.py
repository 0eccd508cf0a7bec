"""Check files and the documents of other tools, whatever stands in them: checks come of it, or a sentence."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lyceum.data.datasets.pushes.errors import RecordsUnreadable
from lyceum.data.datasets.pushes.records import read_records
from lyceum.data.quality.ascode.public import checks_in, from_dbt, from_other_tool, usable
from lyceum.data.quality.engine.public import InvalidCheck, checks_from_plain

CPU_SECONDS_MAX = 2
NASTY: list[Any] = [
    None,
    True,
    -1,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\0",
    "x" * 100_000,
    "__import__('os').system('true')",
    "(a+)+$",
    "2024-02-30",
    [],
    [[]],
    [None, {}],
    {},
    {"": {}},
    {"must_be": "x", "must_be_between": [1], "regex": 5},
]
SUITE = {
    "expectation_suite_name": "s",
    "expectations": [
        {"type": f"expect_{name}", "kwargs": kwargs, "severity": "warning", "meta": {}}
        for name, kwargs in (
            ("column_values_to_not_be_null", {"column": "a", "mostly": 0.9}),
            ("column_values_to_be_between", {"column": "a", "min_value": 1, "max_value": 2, "strict_min": True}),
            ("column_value_lengths_to_be_between", {"column": "a", "min_value": 1, "max_value": 5, "strict_max": True}),
            ("column_value_lengths_to_equal", {"column": "a", "value": 5}),
            ("column_values_to_be_in_set", {"column": "a", "value_set": ["x"]}),
            ("column_values_to_not_be_in_set", {"column": "a", "value_set": ["x"]}),
            ("column_values_to_match_regex", {"column": "a", "regex": "x"}),
            ("column_values_to_match_regex_list", {"column": "a", "regex_list": ["x", "y"], "match_on": "any"}),
            ("column_values_to_match_like_pattern", {"column": "a", "like_pattern": "x%"}),
            ("column_values_to_be_of_type", {"column": "a", "type_": "int"}),
            ("table_columns_to_match_set", {"column_set": ["a"], "exact_match": False}),
            ("compound_columns_to_be_unique", {"column_list": ["a", "b"]}),
            ("table_row_count_to_be_between", {"min_value": 1, "max_value": 9}),
            ("column_mean_to_be_between", {"column": "a", "min_value": 1, "max_value": 9}),
            ("column_pair_values_a_to_be_greater_than_b", {"column_A": "a", "column_B": "b", "or_equal": True}),
            ("multicolumn_sum_to_equal", {"column_list": ["a", "b"], "sum_total": 3}),
            ("column_values_to_be_increasing", {"column": "a", "strictly": True}),
        )
    ],
}
SODA = {
    "dataset": "x/y/z",
    "columns": [
        {
            "name": "a",
            "data_type": "varchar(9)",
            "missing_values": ["n"],
            "checks": [
                {"missing": {"threshold": {"metric": "percent", "must_be_less_than": 5, "level": "warn"}}},
                {"invalid": {"valid_values": ["x"], "valid_min": 1, "valid_max": 2, "valid_format": {"regex": "x"}}},
                {"invalid": {"valid_length": 3, "invalid_values": ["y"], "valid_min_length": 1}},
                {"invalid": {"valid_reference_data": {"dataset": "a/b", "column": "c"}}},
                {"duplicate": {"threshold": {"must_be": 0}}},
                {"aggregate": {"function": "avg", "threshold": {"must_be_between": {"greater_than_or_equal": 1}}}},
            ],
        }
    ],
    "checks": [
        {"row_count": {"threshold": {"must_be_greater_than": 5, "must_be_less_than": 9}}},
        {"duplicate": {"columns": ["a", "b"]}},
        {"schema": {"allow_extra_columns": True}},
        {"freshness": {"column": "a", "threshold": {"unit": "hour", "must_be_less_than": 5}}},
    ],
}
CONTRACT = {
    "apiVersion": "v3.0.2",
    "kind": "DataContract",
    "id": "i",
    "schema": [
        {
            "name": "t",
            "properties": [
                {
                    "name": "a",
                    "logicalType": "string",
                    "required": True,
                    "unique": True,
                    "primaryKey": True,
                    "primaryKeyPosition": 1,
                    "logicalTypeOptions": {"minLength": 1, "maxLength": 2, "pattern": "x", "minimum": 1, "format": "f"},
                    "quality": [
                        {"rule": "nullCheck", "mustBe": 0, "unit": "percent"},
                        {
                            "metric": "invalidValues",
                            "arguments": {"validValues": ["x"], "pattern": "y"},
                            "mustBeLessThan": 3,
                        },
                    ],
                }
            ],
            "quality": [
                {"type": "sql", "query": "SELECT 1", "mustBeBetween": [0, 1]},
                {"type": "custom", "engine": "lyceum", "implementation": {"kind": "row_count", "min": 1}},
                {"metric": "rowCount", "mustBeGreaterThan": 5},
            ],
        }
    ],
}
CHECKS = {
    "checks": [
        {
            "kind": "range",
            "column": "a",
            "min": 0,
            "max": 5,
            "at_most_failing": 0.1,
            "severity": "warning",
            "tags": ["x"],
        },
        {"kind": "in_set", "column": "a", "values": ["x"], "partition_by": "b"},
        {"kind": "regex", "column": "a", "pattern": "x"},
        {"kind": "expression", "expression": "a > 1"},
        {"kind": "conditional", "when": "a > 1", "then": "b > 1"},
        {"kind": "sql", "query": "SELECT * FROM data"},
        {"kind": "freshness", "column": "a", "age_seconds_max": 5},
        {"kind": "drift", "columns": ["a"], "method": "psi", "at_most": 0.1},
        {"kind": "schema", "columns": [{"name": "a", "type": "string"}]},
    ]
}
BY_COLUMN = {"checks": {"a": ["not_null", {"range": [0, 5]}], "b": {"in_set": ["x"], "severity": "warning"}}}
RESULTS = {
    "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json"},
    "results": [
        {"unique_id": "test.p.not_null_a.1", "status": "fail", "failures": 3, "message": "m", "execution_time": 1}
    ],
}


def spoilt(document: Any) -> Iterator[Any]:
    """Yield the document with each of its values in turn replaced by each nasty one, and each key by a nasty key."""
    yield from NASTY
    places = document.items() if isinstance(document, dict) else enumerate(document)
    for place, value in list(places):
        for other in spoilt(value) if isinstance(value, dict | list) else NASTY:
            changed = dict(document) if isinstance(document, dict) else list(document)
            changed[place] = other
            yield changed
    if isinstance(document, dict):
        yield {**document, "unheard_of": {}}


def in_yaml(document: Any) -> str:
    return str(yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True))


def converted(text: str) -> None:
    _, imported = from_other_tool(text, file_name="suite")
    _, left_out = usable(imported)
    for each in left_out:
        assert "\n" not in each.why
        assert each.why.endswith(".")


def read_as_checks(text: str) -> None:
    assert checks_in(text, file_name="checks.yaml")


@pytest.mark.parametrize(
    "document, written, read",
    [
        pytest.param(SUITE, json.dumps, converted, id="Great Expectations"),
        pytest.param(SODA, in_yaml, converted, id="Soda"),
        pytest.param(CONTRACT, in_yaml, converted, id="ODCS"),
        pytest.param(CHECKS, in_yaml, read_as_checks, id="checks"),
        pytest.param(BY_COLUMN, in_yaml, read_as_checks, id="checks by column"),
        pytest.param(RESULTS, json.dumps, from_dbt, id="dbt"),
    ],
)
def test_whatever_stands_in_a_document_is_taken_left_out_or_refused_in_a_sentence(
    document: Any, written: Any, read: Any
) -> None:
    read(written(document))
    began = time.process_time()
    tried, said = 0, []
    wrong = []
    for changed in spoilt(document):
        tried += 1
        try:
            read(written(changed))
        except InvalidCheck as invalid:
            said.append(invalid.detail)
        except Exception as broken:  # noqa: BLE001 - whatever it is, it is what is looked for
            wrong.append((type(broken).__name__, str(broken)[:100], str(changed)[:600]))
    assert not wrong, wrong[:3]
    assert 0 < len(said) <= tried
    assert all(len(each) < 1000 and each.isprintable() and each.endswith((".", "?")) for each in said)
    assert (time.process_time() - began) / tried < CPU_SECONDS_MAX / 20


@pytest.mark.parametrize(
    "text, told",
    [
        ("checks: &a [*a]", "aliases"),
        ("a: &a [x,x]\nb: &b [*a,*a]\nchecks: [*b,*b]", "aliases"),
        ("checks: !!python/object/apply:os.system ['true']", "line 1"),
        ("checks: [!!python/name:os.system x]", "line 1"),
        ("checks: [{kind: !!binary aGk=, column: a}]", "line 1"),
        ("[" * 100_000, "nested more than 20 deep"),
        ("{a: " * 50_000, "nested more than 20 deep"),
        ("- " * 10_000 + "x", "nested more than 20 deep"),
        ("checks: [{kind: not_null, column: a, column: b}]", "twice"),
        ("checks: [{kind: not_null, column: a}]\nchecks: []", "twice"),
        ("checks: [{? [a] : b}]", "no name"),
        ("%YAML 9.9\n---\nchecks: []", "no YAML"),
        ("--- a\n--- b\n", "no YAML"),
        ("checks: [{kind: range, column: a, min: " + "9" * 5_000 + "}]", "line 1"),
        ("checks: [{kind: range, column: a, min: .nan}]", "line 1"),
        ("checks: \x00", "no YAML"),
        ("\ufeffchecks: []", "no checks"),
        ("x" * 2_000_001, "more than 2,000,000 characters"),
        ("? " * 30_000, "deep"),
        ('checks: "' + "\\x41" * 400_000 + '"', "list of checks"),
    ],
)
def test_yaml_that_means_harm_is_refused_at_once(text: str, told: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidCheck) as refused:
        checks_in(text, file_name="checks.yaml")
    assert told in refused.value.detail
    assert refused.value.detail.startswith("checks.yaml")
    assert len(refused.value.detail) < 1000
    assert refused.value.detail.isprintable()
    assert time.process_time() - began < CPU_SECONDS_MAX


COLUMNS = (("id", "integer"), ("name", "string"), ("x", "float"), ("at", "timestamp_utc"))


@pytest.mark.parametrize("columns", [COLUMNS, None], ids=["a table with columns", "the first records"])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'[{"id":' * 200_000,
        b'[{"id":' + b"9" * 1_000_000 + b"}]",
        b'[{"x":1e999}]',
        b'[{"x":NaN}]',
        b'[{"id":[[[1]]]}]',
        b'[{"name":"\\ud800"}]',
        b'[{"name":"\xff\xfe"}]',
        b'[{"name":"x"}',
        b"\x00" * 1000,
        b'\xef\xbb\xbf[{"name":"x"}]',
        '[{"name":"x"}]'.encode("utf-16"),
        b'[{"name":"' + b"x" * 300_000 + b'"}]',
        b"[" + b",".join(b'{"k%d":1}' % n for n in range(5000)) + b"]",
        b'[{"a\\u0000":1}]',
        b'[{"":1}]',
        b'[{"' + b"n" * 5000 + b'":1}]',
        b"[]",
        b"[null]",
        b'{"id":1}',
        '[{"caf\u00e9":1,"cafe\u0301":2}]'.encode(),
    ],
    ids=lambda body: repr(body[:30]),
)
def test_pushed_records_that_mean_harm_are_refused_at_once(body: bytes, columns: Any) -> None:
    began = time.process_time()
    with pytest.raises(RecordsUnreadable) as refused:
        read_records(body, "json", columns)
    assert len(refused.value.detail) < 600
    assert refused.value.detail.isprintable()
    assert time.process_time() - began < CPU_SECONDS_MAX


def test_of_a_key_that_stands_twice_in_a_record_the_last_is_taken() -> None:
    [record] = read_records(b'[{"id":1,"id":2}]', "json", COLUMNS)
    assert record.c0 == 2
    assert read_records(b'[{"a":1,"a":2}]', "json", None) == [{"a": 2}]


def test_many_checks_that_mean_harm_together_take_little() -> None:
    """A file of checks may hold thousands; each of its patterns may use a megabyte, and no more than it needs is kept."""
    hostile = [{"kind": "regex", "column": "a", "pattern": f"(a+)+{n}$"} for n in range(2_000)]
    began = time.process_time()
    assert len(checks_from_plain(hostile)) == len(hostile)
    assert time.process_time() - began < 4 * CPU_SECONDS_MAX
