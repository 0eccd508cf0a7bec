"""Commands that cannot be meant: one sentence on stderr, exit code 2, and nothing half-made."""

from pathlib import Path
from typing import Any

import pytest

from make.walkthrough import learnable


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["nowhere.csv", "--target", "a"], "There is no file nowhere.csv; check the path"),
        ([".", "--target", "a"], ". is a folder; give the file with the table."),
        (["shop.csv"], "Say which column of shop.csv to predict: lyceum try shop.csv --target COLUMN."),
        (["--time-limit", "soon"], "--time-limit is 'soon'; write a time from one second to a day"),
        (["--delimiter", "::"], "--delimiter is '::'; name one ASCII character, or tab."),
        (["--time-limit", "0"], "--time-limit is '0'; write a time"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_before_a_hub_is_asked(
    open_terminal: Any, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    learnable(20).write_csv(tmp_path / "shop.csv")
    ended = open_terminal(tmp_path, LYCEUM_URL="http://127.0.0.1:9", LYCEUM_API_KEY="lyk_none").run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(sentence)
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    "url, key, sentence",
    [
        ("localhost:8000", "lyk_secret", "LYCEUM_URL is no address of a hub; write it as http://host:port"),
        ("hub", "lyk_secret", "LYCEUM_URL is no address of a hub"),
        ("http://127.0.0.1:port", "lyk_secret", "LYCEUM_URL is no address of a hub"),
        ("http://127.0.0.1:99999", "lyk_secret", "LYCEUM_URL is no address of a hub"),
        ("http://[::1", "lyk_secret", "LYCEUM_URL is no address of a hub"),
        ("http://two words", "lyk_secret", "LYCEUM_URL is no address of a hub"),
        ("http://\N{EM DASH}.example", "lyk_secret", "LYCEUM_URL is no address of a hub"),
        # one in for the other
        ("lyk_secret", "http://127.0.0.1:8000", "LYCEUM_URL is no address of a hub"),
        ("http://127.0.0.1:9", "lyk_secret_ключ", "LYCEUM_API_KEY holds characters that no key has"),
        ("http://127.0.0.1:9", "lyk_secret\x1b", "LYCEUM_API_KEY holds characters that no key has"),
    ],
)
def test_an_address_or_a_key_that_cannot_be_one_is_refused_and_not_repeated(
    try_here: Any, tmp_path: Path, url: str, key: str, sentence: str
) -> None:
    learnable(20).write_csv(tmp_path / "shop.csv")
    ended = try_here("shop.csv", "--target", "bought", LYCEUM_URL=url, LYCEUM_API_KEY=key)
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert ended.err.startswith(sentence)
    assert len(ended.err.splitlines()) == 1
    assert "secret" not in ended.err


def test_a_key_that_opens_nothing_is_told(terminal: Any, open_terminal: Any, tmp_path: Path) -> None:
    learnable(20).write_csv(tmp_path / "shop.csv")
    wrong = open_terminal(tmp_path, **{**terminal.variables, "LYCEUM_API_KEY": "lyk_wrong"})
    ended = wrong.run("shop.csv", "--target", "bought")
    assert ended.code == 2
    assert "key" in ended.err
    missing = open_terminal(tmp_path, LYCEUM_URL=terminal.variables["LYCEUM_URL"]).run("shop.csv", "--target", "bought")
    assert missing.code == 2
    assert missing.err.startswith("LYCEUM_URL is set without LYCEUM_API_KEY")


def test_a_hub_that_is_not_there_is_a_failure_and_not_a_refusal(open_terminal: Any, tmp_path: Path) -> None:
    learnable(20).write_csv(tmp_path / "shop.csv")
    away = open_terminal(tmp_path, LYCEUM_URL="http://127.0.0.1:9", LYCEUM_API_KEY="lyk_any")
    ended = away.run("shop.csv", "--target", "bought")
    assert ended.code == 1
    assert "No hub answers at http://127.0.0.1:9" in ended.err
