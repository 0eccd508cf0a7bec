"""What letters say: in each language the same, with nothing left out and nothing that somebody typed running."""

import re
import string
from typing import Any

import msgspec
import pytest

from lyceum.notify.kinds import KINDS, RunFailed, facts_of
from lyceum.notify.letters import Reader, notice_rendered, page_url
from lyceum.notify.previews import SAMPLES, names, preview
from lyceum.notify.wording import LANGUAGES, language_of, one_line, words_of

HUB = "https://hub.example.org/lyceum"
HOSTILE = "<img src=x onerror=alert(1)>\"'{dataset}\r\nBcc: eve@example.org"


def leaves(words: Any, path: str = "") -> dict[str, list[str]]:
    """The facts that each sentence names, by where it stands."""
    if isinstance(words, dict):
        return {k: v for name, inner in words.items() for k, v in leaves(inner, f"{path}.{name}").items()}
    text = " ".join(words) if isinstance(words, list) else words
    return {path: sorted({name for _, name, _, _ in string.Formatter().parse(text) if name})}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_says_all_that_english_says_of_the_same_facts(language: str) -> None:
    assert leaves(words_of(language)) == leaves(words_of("en"))


def test_each_kind_has_words_that_name_only_its_facts() -> None:
    words = words_of("en")["notices"]
    assert set(words) == set(KINDS)
    for kind, struct in KINDS.items():
        known = {field.name for field in msgspec.structs.fields(struct)}
        named = {name for found in leaves(words[kind]).values() for name in found}
        assert named <= known, kind
        assert set(re.findall(r"\{(\w+)\}", struct.page)) <= known, kind
        assert struct.object_at is None or struct.object_at[1] in known


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_letter_can_be_shown(language: str) -> None:
    for name in names():
        letter = preview(name, language, hub=HUB)
        assert letter.subject
        for shown in (letter.text, letter.html):
            assert not re.search(r"\{\w+\}", shown), name
            assert "…" not in shown.split("inbox")[0] or "digest" in name, name
        assert f'lang="{language}"' in letter.html
        links = re.findall(r'href="([^"]+)"', letter.html)
        assert links
        assert all(link.startswith(HUB) for link in links), name


def test_a_letter_can_be_refused_unless_it_is_about_safety() -> None:
    for name in names():
        letter = preview(name, "en", hub=HUB)
        may_refuse = name.startswith("digest_") or (name in KINDS and "mail" not in KINDS[name].always)
        assert ("/unsubscribe?token=" in letter.html) == may_refuse, name
        assert ("/unsubscribe?token=" in letter.text) == may_refuse, name


@pytest.mark.parametrize("fact", ["dataset", "target", "reason", "run_id"])
def test_what_somebody_typed_is_text_and_nothing_else(fact: str) -> None:
    facts = {name: SAMPLES[name] for name in ("run_id", "dataset", "target", "reason")} | {fact: HOSTILE}
    letter = notice_rendered("run_failed", facts, Reader(HOSTILE, "en"), hub=HUB)
    assert "<img" not in letter.html
    assert "\n" not in letter.subject
    assert "\r" not in letter.subject
    assert all(not line.startswith("Bcc:") for line in letter.text.splitlines())
    assert all(link.startswith(HUB) for link in re.findall(r'href="([^"]+)"', letter.html))


def test_a_page_of_a_notice_is_one_of_the_hubs_own() -> None:
    assert page_url("run_failed", {"run_id": "//evil.example.org"}, hub="") == "/runs///evil.example.org"
    assert page_url("version_rejected", {"dataset": "a?b#c\r\n"}, hub="") == "/datasets/a%3Fb%23c%0D%0A"
    assert page_url("incident", {"path": "//evil.example.org/x"}, hub="").startswith("/evil.example.org")


def test_a_notice_of_an_earlier_release_lacks_a_fact_and_is_shown() -> None:
    assert "…" in notice_rendered("run_failed", {"run_id": "1"}, Reader("Ada", "en"), hub=HUB).subject


def test_long_facts_are_cut() -> None:
    facts = facts_of(RunFailed(run_id="1", dataset="d", target="t", reason="x" * 1000))
    assert len(str(facts["reason"])) == 300


@pytest.mark.parametrize("locale, language", [("de", "de"), ("de-AT", "de"), ("de_CH", "de"), ("fr", "en"), ("", "en")])
def test_who_has_no_language_of_ours_reads_english(locale: str, language: str) -> None:
    assert language_of(locale) == language


def test_one_line_is_one_line() -> None:
    assert one_line("a\r\n b\u2028c\x00\td") == "a b c d"
