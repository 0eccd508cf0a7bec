"""Patterns that people give: one language for three back ends, in time linear in the text.

The language is RE2's with ASCII `\\d \\w \\s \\b` (R. Cox, "Regular Expression Matching in the Wild", 2010): no look-around, no
back references. RE2 judges a pattern; DuckDB uses RE2 itself, and Polars' Rust engine, an automaton too, gets the
pattern rewritten where the two would read it differently. What cannot be rewritten is refused. Hostile patterns are
bounded by their length, by the product of their counted repetitions, and by the memory RE2 may use for the program.
"""

import re
from functools import lru_cache
from math import prod
from typing import Protocol

PATTERN_CHARS_MAX = 1_000
REPETITIONS_MAX = 1_000
"""The product of all counted repetitions, nested or not: what they can blow a pattern up to."""
PROGRAM_BYTES_MAX = 2**20
_COUNTED = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_ESCAPE = re.compile(
    r"\\(x\{[0-9A-Fa-f]{1,6}\}|x[0-9A-Fa-f]{2}|[pP]\{\^?\w+\}|[pP][A-Z]|[dDwWsSbAzntrfv]|[^\w\s])", re.ASCII
)
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_NAMED_CLASS = re.compile(r"\[:\^?[a-z]+:\]")


class Searcher(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> object | None:
        """Return something when the pattern fits somewhere in `text`, else None."""


def require_pattern(pattern: str) -> None:
    """Raise ValueError, with what is wrong, for a pattern that is too large or that the back ends would not share."""
    searcher_of(pattern)


@lru_cache(maxsize=1_000)
def searcher_of(pattern: str) -> Searcher:
    """Return the pattern compiled by RE2; raises ValueError."""
    import re2

    if not 0 < len(pattern) <= PATTERN_CHARS_MAX:
        raise ValueError(f"pattern has between 1 and {PATTERN_CHARS_MAX:,} characters")
    repeated = prod(max(1, int(high or low)) for low, high in _COUNTED.findall(pattern))
    if repeated > REPETITIONS_MAX:
        raise ValueError(f"pattern repeats parts {repeated:,} times in all; {REPETITIONS_MAX:,} is the most")
    options = re2.Options()
    options.max_mem = PROGRAM_BYTES_MAX
    options.log_errors = False
    try:
        compiled: Searcher = re2.compile(pattern, options)
    except re2.error as wrong:
        said = wrong.args[0].decode(errors="replace") if isinstance(wrong.args[0], bytes) else str(wrong.args[0])
        raise ValueError(f"pattern cannot be used: {said}") from None
    in_rust(pattern)
    return compiled


@lru_cache(maxsize=1_000)
def in_rust(pattern: str) -> str:
    """Return the pattern as Rust's `regex` has to be given it to fit the same texts; raises ValueError."""
    parts: list[str] = []
    place, in_class = 0, False
    while place < len(pattern):
        part, place, in_class = _next_part(pattern, place, in_class=in_class)
        parts.append(part)
    return "".join(parts)


def _next_part(pattern: str, place: int, *, in_class: bool) -> tuple[str, int, bool]:
    char = pattern[place]
    if char == "\\":
        found = _ESCAPE.match(pattern, place)
        if found is None:
            raise ValueError(f"pattern has the escape {pattern[place : place + 2]!r}, which is none that can be used")
        return _escaped(found[1], found[0], in_class=in_class), found.end(), in_class
    if in_class:
        named = _NAMED_CLASS.match(pattern, place)
        if named:
            return named[0], named.end(), True
        if pattern.startswith(("--", "&&", "~~"), place):
            raise ValueError(f"pattern has {pattern[place : place + 2]!r} inside [...]; escape each with a backslash")
        return (r"\[" if char == "[" else char), place + 1, char != "]"
    if char == "[":
        opening = re.match(r"\[\^?\]?", pattern[place:])
        assert opening is not None  # noqa: S101 - it begins with a bracket
        return opening[0].replace("]", r"\]"), place + opening.end(), True
    if char == "{" and not _COUNTED.match(pattern, place):
        return r"\{", place + 1, False
    return char, place + 1, False


def _escaped(what: str, whole: str, *, in_class: bool) -> str:
    if what in _CLASSES:
        return _CLASSES[what] if in_class else f"[{_CLASSES[what]}]"
    if what.lower() in _CLASSES:
        return f"[^{_CLASSES[what.lower()]}]"
    return r"(?-u:\b)" if what == "b" and not in_class else whole
