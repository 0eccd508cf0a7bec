"""Every sentence of the hub that a page shows has a German one, and the app's own code finds it for what the hub really says."""

import json
import re
import subprocess
from pathlib import Path

import hub_sentences
import polars as pl
import pytest

from lyceum.data.datasets.reading.public import UnreadableTable, stage_table
from lyceum.data.quality.engine.public import (
    Check,
    CheckReport,
    InSet,
    NotNull,
    Range,
    RowCount,
    Unique,
    profile_table,
    run_checks,
    suggest_checks,
)
from lyceum.data.quality.watching.wording import metric_in_words
from lyceum.train.engine.public import TargetUnusable, fit
from lyceum.webbuild import find_node

I18N = Path(__file__).resolve().parents[2] / "web" / "src" / "i18n"
SAY = """
import { readFileSync } from "node:fs";
const { translator } = await import(process.argv[1] + "/hub-words.ts");
const say = translator(JSON.parse(readFileSync(process.argv[1] + "/hub.de.json", "utf8")));
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(say)));
"""
ENGLISH = re.compile(r"\b(the|is|are|has|have|of|with|and|first|row|rows|values|not|give)\b")


def in_german(sentences: list[str]) -> list[str]:
    """Return what the web app makes of sentences of the hub."""
    command = [*find_node().node, "--input-type=module", "-e", SAY, "--", str(I18N)]
    done = subprocess.run(command, input=json.dumps(sentences), capture_output=True, text=True, check=True)
    said: list[str] = json.loads(done.stdout)
    return said


def left_in_english(sentences: list[str]) -> list[tuple[str, str]]:
    """Return the sentences that keep words of English, with what was made of them."""
    return [
        (sentence, said)
        for sentence, said in zip(sentences, in_german(sentences), strict=True)
        if said == sentence or ENGLISH.search(said)
    ]


def test_every_sentence_of_the_hub_has_a_german_one() -> None:
    entries = hub_sentences.german()
    assert [(place, text) for text, place in hub_sentences.shown().items() if hub_sentences.lacks(text, entries)] == []


def test_no_german_sentence_stands_for_what_the_hub_says_no_more() -> None:
    assert [entry for entry in hub_sentences.german() if hub_sentences.stale(entry)] == []


@pytest.mark.parametrize(
    "source, template",
    [
        ('raise NotAllowed(f"{name} may not {verb} this.")', "{} may not {} this."),
        ('TOLD = "You sent {:,} letters."', "You sent {} letters."),
        ('told = "the table is empty" if empty else other', "the table is empty"),
    ],
)
def test_a_new_sentence_is_found_wherever_it_stands(source: str, template: str, tmp_path: Path) -> None:
    module = tmp_path / "news.py"
    module.write_text(f'"""What a module says of itself is none."""\n\nlog.info("nor is this one")\n{source}\n')
    assert hub_sentences.sentences_of(module) == [template]
    assert hub_sentences.lacks(template, hub_sentences.german())
    assert hub_sentences.stale(template)


def checked() -> CheckReport:
    """Return what checks of every kind find in a table, good and bad."""
    rows = {"id": [1, 2, 2, 4], "age": [3.5, None, 99.0, -1.0], "kind": ["a", "b", "c", "b"], "void": [None] * 4}
    table = pl.DataFrame(rows, schema_overrides={"void": pl.Int64}).lazy()
    checks: list[Check] = [
        *(NotNull(column="age"), NotNull(column="id"), NotNull(column="age", at_most_failing=0.1)),
        *(Unique(columns=("id",)), Unique(columns=("id", "kind")), Unique(columns=("kind",)), Unique(columns=("age",))),
        *(Range(column="age", min=0, max=90), Range(column="age", max=10), Range(column="age", min=-5)),
        *(Range(column="age", min=0, max=200), Range(column="age", min=-5, max=100), Range(column="void", min=1)),
        *(Range(column="age", max=99, max_inclusive=False), Range(column="age", min=-1, min_inclusive=False)),
        *(Range(column="kind", min=1), Range(column="gone", min=1), Range(column="ages", min=1)),
        *(InSet(column="kind", values=("a", "b")), InSet(column="kind", values=tuple("defghijk"))),
        *(InSet(column="kind", values=("a", "b", "c")), InSet(column="id", values=("x",))),
        *(RowCount(min=1), RowCount(max=3), RowCount(min=1, max=2)),
    ]
    return run_checks(table, checks, line_of_first_row=2)


def test_what_checks_find_and_why_they_are_suggested_is_said_in_german() -> None:
    table = pl.DataFrame(
        {
            "id": range(1000),
            "gap": [None, *range(999)],
            "gaps": [None if row % 4 == 0 else row * 1.5 for row in range(1000)],
            "kind": ["north" if row % 2 else "south" for row in range(999)] + ["nroth"],
            "hour": [row % 24 for row in range(1000)],
            "share": [row / 1000 for row in range(1000)],
            "cost": [-999.0 if row == 5 else 10.0 + row % 7 / 3 for row in range(1000)],
            "user_id": [0, *range(999)],
        }
    )
    reasons = [each.reason for each in suggest_checks(profile_table(table.lazy()))]
    sentences = [result.sentence for result in checked().results]
    assert len(reasons) > 8
    assert len(sentences) > 20
    assert left_in_english([*reasons, *sentences]) == []


def test_why_a_target_cannot_be_learned_is_said_in_german() -> None:
    refusals = []
    for values in ([None] * 50, [1] * 50, [f"text {row}" for row in range(50)], [None] * 49 + [1]):
        with pytest.raises(TargetUnusable) as caught:
            fit(pl.DataFrame({"y": values, "x": range(50)}, strict=False), target="y", time_limit_seconds=1)
        refusals.append(f"{caught.value}.")
    assert left_in_english(refusals) == []


UNREADABLE = [
    *(b"", b"\n\n", b"a,b\n", b"a,b\n1,2\n1,2,3\n", b"a,b\n1,2\n1,2,3\n4,5,6\n7,8,9\n", b"a,a\n1,2\n", b"A,a\n1,2\n"),
    *(
        b"a,b\n1,\x00\n",
        b"a,,c\n1,2,3\n",
        b"1,2\n3,4\n",
        b"%PDF-1.4",
        b"PK\x03\x04damaged",
        b"\x1f\x8bdamaged",
        b"<html>",
    ),
    *(b'{"a": 1}\n{"a": \n', b'{"a": {"b": 1}}\n'),
]


@pytest.mark.parametrize("content", UNREADABLE)
def test_why_a_file_cannot_be_read_is_said_in_german(content: bytes, tmp_path: Path) -> None:
    source = tmp_path / "upload"
    source.write_bytes(content)
    with pytest.raises(UnreadableTable) as refused:
        stage_table(source, file_name="orders.csv", target=tmp_path / "staged" / "table")
    assert left_in_english([refused.value.detail]) == []


def test_a_version_that_was_odd_is_told_of_by_its_measures() -> None:
    [told] = in_german(
        [f"Version 12 is unlike those before it: {metric_in_words('delay|q50')}; {metric_in_words('|rows')}."]
    )
    assert told == "Version 12 ist anders als die davor: delay (Median); Zeilen."
