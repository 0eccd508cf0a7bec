"""Checks as a YAML file that people keep beside their code: read with the line of what is wrong, written with reasons.

    checks:
      - kind: range
        column: dep_hour
        min: 0
        max: 23

or, shorter, by column as `lyceum.check` takes them:

    checks:
      flight_id: [not_null, unique]
      dep_hour: {range: [0, 23], at_most_failing: 0.01}

JSON is YAML too.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import yaml

from lyceum.data.quality.ascode.yaml_text import document_of, plain_of_node, where_of, yaml_of
from lyceum.data.quality.engine.public import (
    Check,
    InvalidCheck,
    SuggestedCheck,
    checks_from_plain,
    spelt_out,
    with_distinct_ids,
)

_KEY = "checks"
_ORDER = {
    "id": -1,
    "kind": 0,
    "at_most_failing": 2,
    "partition_by": 2,
    "severity": 3,
    "blocking": 3,
    "tags": 4,
    "owner": 4,
}
"""What stands before and after the rest, which stands as its kind lists it."""


def checks_in(text: str, *, file_name: str) -> tuple[Check, ...]:
    """Return the checks of a YAML text, in its order. Raises `InvalidCheck`, which names the file, the line and the fix."""
    asked = _asked(document_of(text, file_name), file_name)
    if isinstance(asked, yaml.MappingNode):
        found = [each for column, wish in asked.value for each in _of_column(column, wish, file_name)]
    elif isinstance(asked, yaml.SequenceNode):
        found = [_of_item(place, node, file_name) for place, node in enumerate(asked.value, start=1)]
    else:
        raise InvalidCheck(
            f"{where_of(asked, file_name)}: '{_KEY}' is a list of checks, or a mapping from column to what is asked of it."
        )
    if not found:
        raise InvalidCheck(f"{file_name} holds no checks; list them under '{_KEY}:'.")
    return with_distinct_ids(found)


def suggestions_as_yaml(suggested: Iterable[SuggestedCheck], *, heading: Iterable[str] = ()) -> str:
    """Return suggested checks as a YAML file to keep and edit, each below the reason for it, after lines of `heading`."""
    return _file(((each.check, each.reason) for each in suggested), heading)


def reasoned_checks_as_yaml(kept: Iterable[tuple[Check, str]], *, heading: Iterable[str] = ()) -> str:
    """Return checks as a YAML file, each below the reason for it, after lines of `heading`."""
    return _file(kept, heading)


def checks_as_yaml(checks: Iterable[Check], *, heading: Iterable[str] = ()) -> str:
    """Return checks as a YAML file, after lines of `heading`."""
    return _file(((check, "") for check in checks), heading)


def _file(items: Iterable[tuple[Check, str]], heading: Iterable[str]) -> str:
    lines = [f"# {_one_line(line)}" for line in heading]
    listed = [
        line for check, said in items for line in (*([f"  # {_one_line(said)}"] if said else []), *_item_lines(check))
    ]
    return "\n".join([*lines, f"{_KEY}:" if listed else f"{_KEY}: []", *listed]) + "\n"


def plain_of(check: Check) -> dict[str, Any]:
    """Return a check as a person writes it: its kind, what is asked, and of the rest what is not taken by itself."""
    plain: dict[str, Any] = msgspec.to_builtins(check)
    taken = {field.name: field.default for field in msgspec.structs.fields(type(check))}
    short = {name: value for name, value in plain.items() if name == "kind" or value != taken[name]}
    [unnamed] = checks_from_plain([{name: value for name, value in short.items() if name != "id"}])
    if unnamed.id == check.id:
        del short["id"]
    return dict(sorted(_told(short).items(), key=lambda item: _ORDER.get(item[0], 1)))


def _told(plain: Any) -> Any:
    """Return what is said without the nothings that parts of it hold."""
    if isinstance(plain, dict):
        return {name: _told(value) for name, value in plain.items() if value is not None}
    return [_told(each) for each in plain] if isinstance(plain, list | tuple) else plain


def _asked(document: yaml.Node, file_name: str) -> yaml.Node:
    """Return what is listed under `checks`; a list may also stand alone."""
    if isinstance(document, yaml.SequenceNode):
        return document
    if not isinstance(document, yaml.MappingNode):
        raise InvalidCheck(f"{where_of(document, file_name)}: this is no list of checks; list them under '{_KEY}:'.")
    if not document.value:
        raise InvalidCheck(f"{file_name} holds no checks; list them under '{_KEY}:'.")
    under: dict[Any, yaml.Node] = {plain_of_node(key, file_name): value for key, value in document.value}
    if other := next((key for key, _ in document.value if plain_of_node(key, file_name) != _KEY), None):
        raise InvalidCheck(
            f"{where_of(other, file_name)}: nothing is known of {plain_of_node(other, file_name)!r}; list the checks under '{_KEY}:'."
        )
    if len(document.value) > 1:
        twice = document.value[1][0]
        raise InvalidCheck(f"{where_of(twice, file_name)}: '{_KEY}:' stands here twice; put all checks under one.")
    return under[_KEY]


def _of_item(place: int, node: yaml.Node, file_name: str) -> Check:
    plain = plain_of_node(node, file_name)
    with _placed(node, file_name):
        if isinstance(plain, Mapping) and "kind" not in plain:
            raise InvalidCheck(f"Check {place} has no kind; write one such as 'kind: not_null'.")
        [check] = checks_from_plain([plain], first_place=place)
        return check


def _of_column(key: yaml.Node, wish: yaml.Node, file_name: str) -> Iterator[Check]:
    column = plain_of_node(key, file_name)
    if not isinstance(column, str):
        raise InvalidCheck(
            f"{where_of(key, file_name)}: {column!r} is no column's name; put it in quotes if it is meant as one."
        )
    for each in wish.value if isinstance(wish, yaml.SequenceNode) else [wish]:
        with _placed(each, file_name):
            yield from checks_from_plain(list(spelt_out({column: [plain_of_node(each, file_name)]})))


@contextmanager
def _placed(node: yaml.Node, file_name: str) -> Iterator[None]:
    """Have a refusal from within say where it was."""
    try:
        yield
    except InvalidCheck as wrong:
        raise InvalidCheck(f"{where_of(node, file_name)}: {wrong.detail}") from wrong


def _item_lines(check: Check) -> list[str]:
    text = yaml_of(plain_of(check))
    first, *rest = text.rstrip("\n").split("\n")
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _one_line(text: str) -> str:
    """Return a text without what would end a comment's line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
